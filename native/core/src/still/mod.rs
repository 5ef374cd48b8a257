//! Standing still: processes stopped and continued, and what is needed to be sure of both.

pub mod census;
pub mod cgroup;
pub mod mounts;
pub mod peers;
pub mod pidfd;
pub mod procfs;
pub mod record;
pub mod serve;
pub mod standstill;
pub mod undo;
pub mod watchdog;
