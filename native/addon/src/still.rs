//! What a barrier needs to know of processes, for JavaScript.

use crate::bridge::throw;
use holdall_core::error::Error as CoreError;
use holdall_core::still::{census as own, peers, procfs};
use napi::bindgen_prelude::*;
use napi_derive::napi;
use std::os::unix::ffi::OsStrExt;

/// A claimed file that a process can write.
#[napi(object)]
pub struct Hold {
    pub path: Buffer,
    pub mapped: bool,
}

/// One process, by number and start time; see the core's `census`.
#[napi(object)]
pub struct Process {
    pub pid: u32,
    /// Ticks since the machine started, decimal.
    pub start: String,
    pub parent: u32,
    pub state: String,
    pub name: String,
    pub exe: Buffer,
    pub tracer: Option<u32>,
    /// Path of its group of the second version; empty where there is none.
    pub cgroup: String,
    /// Its numbers, from this namespace's inwards.
    pub numbers: Vec<u32>,
    /// Which namespace its numbers are of.
    pub namespace: Buffer,
    /// Milliseconds within which a service manager wants to hear from it.
    pub watchdog: Option<f64>,
    pub holds: Vec<Hold>,
    /// Why it must not be stopped.
    pub tie: Option<String>,
    /// False when its files could not be looked at.
    pub seen: bool,
}

/// All processes but kernel threads; `roots` are the claimed paths.
#[napi(catch_unwind)]
pub fn census(roots: Vec<Buffer>) -> Vec<Process> {
    let roots = roots.iter().map(|r| r.to_vec()).collect();
    own::census(roots).into_iter().map(shown).collect()
}

fn shown(p: own::Process) -> Process {
    let hold = |h: own::Hold| Hold { path: h.path.into(), mapped: h.mapped };
    Process {
        pid: p.pid,
        start: p.start.to_string(),
        parent: p.parent,
        state: char::from(p.state).to_string(),
        name: p.name,
        exe: p.exe.into(),
        tracer: p.tracer,
        cgroup: p.cgroup,
        numbers: p.numbers,
        namespace: p.namespace.into(),
        watchdog: p.watchdog.map(|w| w as f64),
        holds: p.holds.into_iter().map(hold).collect(),
        tie: p.tie.map(str::to_string),
        seen: p.seen,
    }
}

/// Where the second version of cgroups is mounted; none where it is not.
#[napi]
pub fn cgroup_mount() -> Option<Buffer> {
    holdall_core::still::cgroup::mount().map(|p| p.as_os_str().as_bytes().to_vec().into())
}

/// Which process listens on a Unix socket, as this namespace counts.
#[napi(catch_unwind)]
pub fn socket_peer(path: Buffer) -> Result<u32> {
    let failed = |why| CoreError::Invalid(format!("{}: {why}", String::from_utf8_lossy(&path)));
    peers::peer(&path).map_err(failed).map_err(throw)
}

/// Nanoseconds of the clock that only goes forward, and milliseconds since 1970 at the same moment.
#[napi]
pub fn clocks() -> Vec<f64> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    vec![procfs::monotonic() as f64, now.map_or(0.0, |t| t.as_secs_f64() * 1000.0)]
}
