//! A set of processes that stand still together: stopped in the order asked for, proved to stand,
//! continued in reverse.

use super::cgroup;
use super::pidfd::Pidfd;
use super::procfs::{self, monotonic, Thread};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

/// How long a thread may sleep undisturbably before its process counts as one that does not stop.
const PATIENCE: u64 = 2_000_000_000;
const BETWEEN_LOOKS: Duration = Duration::from_micros(100);

/// A process by number and start time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Known {
    pub pid: u32,
    pub start: u64,
}

struct Standing {
    known: Known,
    handle: Pidfd,
    threads: Vec<Thread>,
    /// False when it stood before us: it is not ours to continue.
    ours: bool,
}

/// How a stop went.
#[derive(Default, Debug)]
pub struct Stood {
    /// When the first signal was sent and when the last thread was seen to stand.
    pub from: u64,
    pub seen: u64,
    pub gone: Vec<u32>,
    pub before: Vec<u32>,
}

#[derive(Default)]
pub struct Standstill {
    standing: Vec<Standing>,
    cgroups: Vec<PathBuf>,
}

/// Names a process that stands in the way.
pub fn refusal(pid: u32, why: &str) -> String {
    format!("{} (pid {pid}) {why}", procfs::name(pid))
}

impl Standstill {
    /// Handles for those of a batch that are there, and the numbers of those that are gone.
    /// Nothing is stopped yet.
    pub fn open(&self, batch: &[Known]) -> Result<Batch, String> {
        let mut opened = Batch::default();
        for known in batch.iter().filter(|k| !self.has(k)) {
            match Pidfd::open(known.pid, known.start) {
                Ok(None) => opened.gone.push(known.pid),
                Ok(Some(handle)) => {
                    if let Some(tracer) = procfs::tracer(known.pid) {
                        let by = format!("is traced by {} (pid {tracer})", procfs::name(tracer));
                        return Err(refusal(known.pid, &by));
                    }
                    let threads = procfs::threads(known.pid);
                    let ours = !threads.iter().all(|t| t.state == b'T');
                    opened.standing.push(Standing { known: *known, handle, threads, ours });
                }
                Err(errno) => return Err(refusal(known.pid, &text("cannot be opened", errno))),
            }
        }
        Ok(opened)
    }

    fn has(&self, known: &Known) -> bool {
        self.standing.iter().any(|s| s.known == *known)
    }

    /// Stops a batch and waits until every thread of it stands. `go_on` is asked meanwhile. What
    /// was stopped is continued by `thaw`, however this ends.
    pub fn stop(
        &mut self,
        batch: Batch,
        go_on: &mut dyn FnMut() -> Result<(), String>,
    ) -> Result<Stood, String> {
        let mut stood = Stood { gone: batch.gone, ..Stood::default() };
        stood.from = monotonic();
        let first = self.standing.len();
        for process in batch.standing {
            let pid = process.known.pid;
            let sent = !process.ours || signal(&process, libc::SIGSTOP)?;
            match (sent, process.ours) {
                (false, _) => stood.gone.push(pid),
                (true, ours) => {
                    stood.before.extend((!ours).then_some(pid));
                    self.standing.push(process);
                }
            }
        }
        for at in first..self.standing.len() {
            self.wait(at, stood.from, go_on)?;
        }
        stood.seen = monotonic();
        let empty = |s: &Standing| s.threads.is_empty();
        stood.gone.extend(self.standing.iter().filter(|s| empty(s)).map(|s| s.known.pid));
        self.standing.retain(|s| !empty(s));
        Ok(stood)
    }

    /// Waits until two lists of a process's threads agree and all of them stand.
    fn wait(
        &mut self,
        at: usize,
        from: u64,
        go_on: &mut dyn FnMut() -> Result<(), String>,
    ) -> Result<(), String> {
        let Known { pid, start } = self.standing[at].known;
        let mut before: Vec<Thread> = vec![];
        loop {
            let threads = self.look(pid, start)?;
            let restless = threads.iter().find(|t| !stands(pid, t));
            if restless.is_none() && threads == before {
                self.standing[at].threads = threads;
                return Ok(());
            }
            if let Some(thread) = restless.filter(|_| monotonic() - from > PATIENCE) {
                let why = format!(
                    "does not stop: thread {} is in state {}",
                    thread.id, thread.state as char
                );
                return Err(refusal(pid, &why));
            }
            go_on()?;
            if restless.is_some() {
                sleep(BETWEEN_LOOKS);
            }
            before = threads;
        }
    }

    /// The threads of a process; none when it is gone or has ended.
    fn look(&self, pid: u32, start: u64) -> Result<Vec<Thread>, String> {
        let threads = match procfs::stat(pid).is_some_and(|s| s.start == start) {
            true => procfs::threads(pid),
            false => vec![],
        };
        // The first thread may have ended while others go on.
        let threads = if threads.iter().all(ended) { vec![] } else { threads };
        match threads.iter().any(|t| t.state == b't') {
            true => Err(refusal(pid, "is being traced")),
            false => Ok(threads),
        }
    }

    /// Freezes a whole cgroup.
    pub fn freeze(
        &mut self,
        folder: &Path,
        go_on: &mut dyn FnMut() -> Result<(), String>,
    ) -> Result<Stood, String> {
        let mut stood = Stood { from: monotonic(), ..Stood::default() };
        self.cgroups.push(folder.to_path_buf());
        cgroup::set(folder, true)?;
        while !cgroup::frozen(folder) {
            if monotonic() - stood.from > PATIENCE {
                return Err(format!("the cgroup {} does not freeze", folder.display()));
            }
            go_on()?;
            sleep(BETWEEN_LOOKS);
        }
        stood.seen = monotonic();
        for pid in cgroup::members(folder) {
            let Some(start) = procfs::stat(pid).map(|s| s.start) else { continue };
            let known = Known { pid, start };
            if let Ok(Some(handle)) = Pidfd::open(pid, start) {
                let threads = procfs::threads(pid);
                // The group is what goes on again, not the process.
                self.standing.push(Standing { known, handle, threads, ours: false });
            }
        }
        Ok(stood)
    }

    /// Everything still stands and has not run since it was seen to stand: how many processes.
    pub fn prove(&self) -> Result<usize, String> {
        for process in &self.standing {
            let Known { pid, start } = process.known;
            let now = procfs::threads(pid);
            if procfs::stat(pid).is_none_or(|stat| stat.start != start) || now.is_empty() {
                return Err(refusal(pid, "ended while it should have stood"));
            }
            if now != process.threads {
                return Err(refusal(pid, "ran while it should have stood"));
            }
        }
        match self.cgroups.iter().find(|folder| !cgroup::frozen(folder)) {
            Some(folder) => Err(format!("the cgroup {} is not frozen", folder.display())),
            None => Ok(self.standing.len()),
        }
    }

    /// Continues everything, last stopped first; when the first went on, and the last.
    pub fn thaw(&mut self) -> (u64, u64) {
        let first = monotonic();
        for folder in self.cgroups.drain(..).rev() {
            // One that is gone stands no longer.
            let _ = cgroup::set(&folder, false);
        }
        for process in self.standing.drain(..).rev().filter(|p| p.ours) {
            let _ = process.handle.signal(libc::SIGCONT);
        }
        (first, monotonic())
    }

    pub fn is_empty(&self) -> bool {
        self.standing.is_empty() && self.cgroups.is_empty()
    }
}

/// Processes that are open and not yet stopped.
#[derive(Default)]
pub struct Batch {
    standing: Vec<Standing>,
    gone: Vec<u32>,
}

impl Batch {
    /// Those that are to be stopped by us.
    pub fn ours(&self) -> impl Iterator<Item = Known> + '_ {
        self.standing.iter().filter(|s| s.ours).map(|s| s.known)
    }
}

fn signal(process: &Standing, number: i32) -> Result<bool, String> {
    let refused = |errno| refusal(process.known.pid, &text("cannot be stopped", errno));
    process.handle.signal(number).map_err(refused)
}

fn text(what: &str, errno: i32) -> String {
    let why = std::io::Error::from_raw_os_error(errno).to_string().to_lowercase();
    format!("{what}: {}", why.split(" (os error").next().unwrap_or(""))
}

fn ended(thread: &Thread) -> bool {
    matches!(thread.state, b'Z' | b'X')
}

/// Stopped, ended, or waiting for a child that stands.
fn stands(pid: u32, thread: &Thread) -> bool {
    match thread.state {
        b'T' => true,
        _ if ended(thread) => true,
        b'D' => procfs::waits_for_child(pid, thread.id),
        _ => false,
    }
}
