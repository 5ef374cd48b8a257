//! All processes of the machine, and what of each matters to a barrier: where it comes from, who
//! traces it, which claimed files it can write, and what ties it to this process.

use super::mounts::{link, Claims};
use super::peers::Peers;
use super::{cgroup, procfs};
use std::fs;

/// A claimed file that a process can write.
pub struct Hold {
    pub path: Vec<u8>,
    pub mapped: bool,
}

pub struct Process {
    pub pid: u32,
    pub start: u64,
    pub parent: u32,
    pub state: u8,
    pub name: String,
    pub exe: Vec<u8>,
    pub tracer: Option<u32>,
    pub cgroup: String,
    /// Its numbers, from this namespace's inwards.
    pub numbers: Vec<u32>,
    /// Which namespace its numbers are of.
    pub namespace: Vec<u8>,
    /// Milliseconds within which a service manager wants to hear from it.
    pub watchdog: Option<u64>,
    pub holds: Vec<Hold>,
    /// Why it must not be stopped.
    pub tie: Option<&'static str>,
    /// False when its files could not be looked at.
    pub seen: bool,
}

/// Everything but kernel threads, in the order of numbers.
pub fn census(roots: Vec<Vec<u8>>) -> Vec<Process> {
    let mut claims = Claims::new(roots);
    let peers = Peers::look();
    let all = procfs::numbers("/proc").into_iter();
    all.filter_map(|pid| look(pid, &mut claims, &peers)).collect()
}

/// Parent of all kernel threads.
const KTHREADD: u32 = 2;

/// The state of a process that goes on. One that has ended and is not yet waited for does not; one
/// whose first thread alone has ended does.
fn living(pid: u32) -> Option<procfs::Stat> {
    let stat = procfs::stat(pid)?;
    let alone = || procfs::numbers(&format!("/proc/{pid}/task")).len() < 2;
    (stat.state != b'Z' || !alone()).then_some(stat)
}

fn look(pid: u32, claims: &mut Claims, peers: &Peers) -> Option<Process> {
    let stat = living(pid)?;
    let exe = link(&format!("/proc/{pid}/exe")).unwrap_or_default();
    if exe.is_empty() && (pid == KTHREADD || stat.parent == KTHREADD) {
        return None;
    }
    let status = fs::read(format!("/proc/{pid}/status")).ok()?;
    let status = String::from_utf8_lossy(&status);
    let tracer = procfs::field(&status, "TracerPid").and_then(|t| t.parse().ok());
    let numbers = procfs::field(&status, "NSpid").unwrap_or_default();
    let mut found = Process {
        pid,
        start: stat.start,
        parent: stat.parent,
        state: stat.state,
        name: procfs::name(pid),
        exe,
        tracer: tracer.filter(|t| *t != 0),
        cgroup: cgroup::of(pid).unwrap_or_default(),
        numbers: numbers.split_ascii_whitespace().filter_map(|n| n.parse().ok()).collect(),
        namespace: link(&format!("/proc/{pid}/ns/pid")).unwrap_or_default(),
        watchdog: watchdog(pid),
        holds: vec![],
        tie: peers.unix.contains(&pid).then_some("is at the other end of a socket of holdall"),
        seen: is_open(pid),
    };
    descriptors(&mut found, claims, peers);
    mappings(&mut found, claims);
    // Who ended meanwhile could not be looked at either, and is in nobody's way.
    (found.seen || living(pid).is_some_and(|now| now.start == found.start)).then_some(found)
}

/// Whether its files can be looked at: their numbers may be listed where what they are is not told,
/// as of one with capabilities that this process lacks.
fn is_open(pid: u32) -> bool {
    let told = fs::read_link(format!("/proc/{pid}/exe"));
    let refused = |e: std::io::Error| e.kind() == std::io::ErrorKind::PermissionDenied;
    fs::read_dir(format!("/proc/{pid}/fd")).is_ok() && !told.is_err_and(refused)
}

/// `WATCHDOG_USEC`, where it is meant for this process.
fn watchdog(pid: u32) -> Option<u64> {
    let bytes = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let value = |name: &[u8]| {
        let entry = bytes.split(|b| *b == 0).find_map(|e| e.strip_prefix(name))?;
        std::str::from_utf8(entry).ok()?.parse::<u64>().ok()
    };
    let whose = value(b"WATCHDOG_PID=");
    value(b"WATCHDOG_USEC=").filter(|_| whose.is_none_or(|p| p == u64::from(pid))).map(|u| u / 1000)
}

fn descriptors(found: &mut Process, claims: &mut Claims, peers: &Peers) {
    let pid = found.pid;
    for fd in procfs::numbers(&format!("/proc/{pid}/fd")) {
        let Some(path) = link(&format!("/proc/{pid}/fd/{fd}")) else { continue };
        if path == b"/dev/fuse" {
            found.tie = found.tie.or(Some("serves a file system"));
        }
        if pid != std::process::id() {
            found.tie = found.tie.or_else(|| peers.tie(pid, fd, &path));
        }
        // What has no name any more is in no snapshot.
        if path.first() != Some(&b'/') || path.ends_with(b" (deleted)") {
            continue;
        }
        if let Some(path) = claims.find(pid, &path).filter(|_| writable(pid, fd)) {
            found.holds.push(Hold { path, mapped: false });
        }
    }
}

fn writable(pid: u32, fd: u32) -> bool {
    let info = fs::read_to_string(format!("/proc/{pid}/fdinfo/{fd}")).unwrap_or_default();
    let flags = procfs::field(&info, "flags").and_then(|f| i32::from_str_radix(f, 8).ok());
    flags.is_some_and(|f| f & libc::O_ACCMODE != libc::O_RDONLY && f & libc::O_DIRECTORY == 0)
}

/// Files mapped shared and writable: a store to them is no call, and moves no time of theirs.
fn mappings(found: &mut Process, claims: &mut Claims) {
    let text = fs::read(format!("/proc/{}/maps", found.pid)).unwrap_or_default();
    for line in text.split(|b| *b == b'\n') {
        let shared = line.iter().position(|b| *b == b' ').and_then(|at| line.get(at + 2..at + 5));
        if shared.is_none_or(|p| p[0] != b'w' || p[2] != b's') || line.ends_with(b" (deleted)") {
            continue;
        }
        let Some(at) = line.iter().position(|b| *b == b'/') else { continue };
        if let Some(path) = claims.find(found.pid, &line[at..]) {
            if !found.holds.iter().any(|h| h.mapped && h.path == path) {
                found.holds.push(Hold { path, mapped: true });
            }
        }
    }
}
