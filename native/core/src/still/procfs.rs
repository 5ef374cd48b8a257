//! What `/proc` says of processes and threads. Every number of a process is believed only together
//! with its start time: numbers are used again.

use std::fs;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stat {
    pub state: u8,
    pub parent: u32,
    pub session: u32,
    pub terminal: u32,
    /// In ticks since the machine started.
    pub start: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Thread {
    pub id: u32,
    pub state: u8,
    pub start: u64,
    /// How often it went on or off a CPU: a thread that ran has more.
    pub switches: u64,
}

/// The fields of one `stat` line; the name between brackets may hold anything.
pub fn parse_stat(text: &str) -> Option<Stat> {
    let mut fields = text[text.rfind(')')? + 1..].split_ascii_whitespace();
    let state = *fields.next()?.as_bytes().first()?;
    let parent = fields.next()?.parse().ok()?;
    let session = fields.nth(1)?.parse().ok()?;
    let terminal = fields.next()?.parse::<i32>().ok()? as u32;
    let start = fields.nth(14)?.parse().ok()?;
    Some(Stat { state, parent, session, terminal, start })
}

pub fn stat(pid: u32) -> Option<Stat> {
    parse_stat(&String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/stat")).ok()?))
}

/// One line of a `status` text.
pub fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

/// Numbers that name a folder below: processes of `/proc`, threads of a `task`.
pub fn numbers(folder: &str) -> Vec<u32> {
    let Ok(entries) = fs::read_dir(folder) else { return vec![] };
    let number = |e: fs::DirEntry| e.file_name().to_str()?.parse().ok();
    let mut found: Vec<u32> = entries.filter_map(|e| number(e.ok()?)).collect();
    found.sort_unstable();
    found
}

/// Every thread of a process; those that end meanwhile are not told.
pub fn threads(pid: u32) -> Vec<Thread> {
    numbers(&format!("/proc/{pid}/task")).into_iter().filter_map(|id| thread(pid, id)).collect()
}

fn thread(pid: u32, id: u32) -> Option<Thread> {
    let of = |file| fs::read(format!("/proc/{pid}/task/{id}/{file}")).ok();
    let status = of("status")?;
    let status = String::from_utf8_lossy(&status);
    let count = |name| field(&status, name)?.parse::<u64>().ok();
    let switches = count("voluntary_ctxt_switches")? + count("nonvoluntary_ctxt_switches")?;
    // Read last: a thread that is seen stopped has not run since its switches were read.
    let Stat { state, start, .. } = parse_stat(&String::from_utf8_lossy(&of("stat")?))?;
    Some(Thread { id, state, start, switches })
}

/// The process that traces this one.
pub fn tracer(pid: u32) -> Option<u32> {
    let status = fs::read(format!("/proc/{pid}/status")).ok()?;
    let tracer = field(&String::from_utf8_lossy(&status), "TracerPid")?.parse().ok()?;
    (tracer != 0).then_some(tracer)
}

pub fn name(pid: u32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).trim_end().to_string()
}

/// Whether a thread that sleeps undisturbably only waits for a child that it made with `vfork`:
/// it stands as long as the child does.
pub fn waits_for_child(pid: u32, thread: u32) -> bool {
    const VFORK: [u64; 3] =
        [libc::SYS_vfork as u64, libc::SYS_clone as u64, libc::SYS_clone3 as u64];
    let read = fs::read_to_string(format!("/proc/{pid}/task/{thread}/syscall"));
    let call = read.ok().and_then(|t| t.split_ascii_whitespace().next()?.parse().ok());
    let children = fs::read_to_string(format!("/proc/{pid}/task/{thread}/children"));
    let mut children = children.unwrap_or_default();
    children.retain(|c| c.is_ascii_digit() || c == ' ');
    let stands = |child: &str| child.parse().ok().and_then(stat).is_some_and(|s| s.state == b'T');
    call.is_some_and(|n| VFORK.contains(&n)) && children.split(' ').any(stands)
}

/// Nanoseconds of a clock that only goes forward: the one that Node's `hrtime` shows.
pub fn monotonic() -> u64 {
    clock(libc::CLOCK_MONOTONIC)
}

/// Nanoseconds since the machine started, also those in which it slept.
pub fn since_boot() -> u64 {
    clock(libc::CLOCK_BOOTTIME)
}

fn clock(id: libc::clockid_t) -> u64 {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the structure is the one that the call fills.
    unsafe { libc::clock_gettime(id, &mut t) };
    t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_brackets_and_spaces_hides_nothing() {
        let rest = "T 7 8 9 34817 -1 0 1 2 3 4 5 6 7 8 20 0 1 0 4711 0 0";
        let stat = parse_stat(&format!("12 (a) S (b) {rest}")).expect("is a line");
        assert_eq!((stat.state, stat.parent, stat.session, stat.start), (b'T', 7, 9, 4711));
        assert_eq!(stat.terminal, 34817);
        assert_eq!(parse_stat("12 (a"), None);
    }

    #[test]
    fn own_threads_are_seen_with_their_switches() {
        let own = std::process::id();
        let found = threads(own);
        let main = found.iter().find(|t| t.id == own).expect("the first thread has the number");
        assert_eq!(Some(main.start), stat(own).map(|s| s.start));
        assert!(main.switches > 0);
        assert_eq!(tracer(own), None);
    }
}
