//! A process by a handle: a signal through it never reaches another that got the same number.

use super::procfs;
use crate::posix::errno;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

pub struct Pidfd(OwnedFd);

impl Pidfd {
    /// Opens a process that started at that time; `None` when it is gone.
    pub fn open(pid: u32, start: u64) -> Result<Option<Pidfd>, i32> {
        // SAFETY: a plain system call on numbers.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        if fd < 0 {
            return if errno() == libc::ESRCH { Ok(None) } else { Err(errno()) };
        }
        // SAFETY: the descriptor is new and ours.
        let found = Pidfd(unsafe { OwnedFd::from_raw_fd(fd as i32) });
        // Read after opening: what has that start time now is what was opened.
        Ok(procfs::stat(pid).filter(|stat| stat.start == start).map(|_| found))
    }

    /// False when the process is gone.
    pub fn signal(&self, number: i32) -> Result<bool, i32> {
        let none = std::ptr::null::<libc::siginfo_t>();
        let fd = self.0.as_raw_fd();
        // SAFETY: a plain system call on a handle of ours; no information goes with the signal.
        let r = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, fd, number, none, 0) };
        match (r, errno()) {
            (0.., _) => Ok(true),
            (_, libc::ESRCH) => Ok(false),
            (_, why) => Err(why),
        }
    }
}
