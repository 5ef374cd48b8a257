//! The system calls Node lacks, on directory handles: no path ever exceeds one name here.

use crate::error::{Error, Result};
use crate::runs;
use std::ffi::{CStr, CString};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Stat {
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub size: u64,
    pub blocks: u64,
    pub inode: u64,
    pub links: u32,
    pub mtime: (i64, u32),
    pub ctime: (i64, u32),
    pub device: (u32, u32),
    pub filesystem: (u32, u32),
}

impl Stat {
    pub fn format(&self) -> u32 {
        self.mode & libc::S_IFMT
    }
}

pub fn name(bytes: &[u8]) -> Result<CString> {
    CString::new(bytes).map_err(|_| Error::Invalid("a name holds a zero byte".into()))
}

pub fn errno() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

/// Turns a negative result into an error that names operation and path.
pub fn check(result: i64, op: &'static str, path: &[u8]) -> Result<i64> {
    if result < 0 {
        return Err(Error::source(op, path));
    }
    Ok(result)
}

pub fn open_at(dir: RawFd, file: &CStr, flags: i32, mode: u32) -> Result<OwnedFd> {
    // SAFETY: a plain system call on a valid string.
    let fd = unsafe { libc::openat(dir, file.as_ptr(), flags | libc::O_CLOEXEC, mode) };
    check(i64::from(fd), "open", file.to_bytes())?;
    // SAFETY: the descriptor is new and ours.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

pub const DIR_FLAGS: i32 = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW;

/// Of a folder that is only passed through: who may not list it may still enter.
pub const ENTER_FLAGS: i32 = libc::O_PATH | libc::O_DIRECTORY | libc::O_NOFOLLOW;

/// Opens a folder given by names below `base`, one name at a time, never through a link. `flags`
/// are those of the last.
pub fn open_beneath(base: RawFd, names: &[Vec<u8>], flags: i32) -> Result<OwnedFd> {
    let Some((last, above)) = names.split_last() else {
        return open_at(base, c".", flags, 0);
    };
    let mut fd = open_at(base, c".", ENTER_FLAGS, 0)?;
    for part in above {
        fd = open_at(fd.as_raw_fd(), &name(part)?, ENTER_FLAGS, 0)?;
    }
    open_at(fd.as_raw_fd(), &name(last)?, flags, 0)
}

/// `statx` without following links; an empty name means the handle itself.
pub fn stat(dir: RawFd, file: &CStr) -> Result<Stat> {
    // SAFETY: zeroed statx is valid and the kernel fills it.
    let mut x: libc::statx = unsafe { std::mem::zeroed() };
    let flags = libc::AT_SYMLINK_NOFOLLOW | libc::AT_EMPTY_PATH | libc::AT_NO_AUTOMOUNT;
    // SAFETY: the string is ended by a zero, and `x` has room for what the kernel writes.
    let r = unsafe { libc::statx(dir, file.as_ptr(), flags, libc::STATX_BASIC_STATS, &mut x) };
    check(i64::from(r), "stat", file.to_bytes())?;
    Ok(Stat {
        mode: u32::from(x.stx_mode),
        uid: x.stx_uid,
        gid: x.stx_gid,
        size: x.stx_size,
        blocks: x.stx_blocks,
        inode: x.stx_ino,
        links: x.stx_nlink,
        mtime: (x.stx_mtime.tv_sec, x.stx_mtime.tv_nsec),
        ctime: (x.stx_ctime.tv_sec, x.stx_ctime.tv_nsec),
        device: (x.stx_rdev_major, x.stx_rdev_minor),
        filesystem: (x.stx_dev_major, x.stx_dev_minor),
    })
}

pub fn read_link(dir: RawFd, file: &CStr) -> Result<Vec<u8>> {
    let mut buffer = vec![0u8; libc::PATH_MAX as usize + 1];
    // SAFETY: the kernel writes at most the buffer's length.
    let n =
        // SAFETY: a plain system call on valid strings.
        unsafe { libc::readlinkat(dir, file.as_ptr(), buffer.as_mut_ptr().cast(), buffer.len()) };
    buffer.truncate(check(n as i64, "read link", file.to_bytes())? as usize);
    Ok(buffer)
}

/// Reads until `out` is full or the file ends; returns how much was read.
pub fn read_at(fd: RawFd, out: &mut [u8], offset: u64) -> Result<usize> {
    let mut done = 0;
    while done < out.len() {
        let (p, n) = (out[done..].as_mut_ptr().cast(), out.len() - done);
        // SAFETY: `p` has room for `n` bytes.
        let r = unsafe { libc::pread(fd, p, n, (offset + done as u64) as i64) };
        match r {
            0 => break,
            1.. => done += r as usize,
            _ if errno() == libc::EINTR => {}
            _ => return Err(Error::source("read", b"")),
        }
    }
    Ok(done)
}

pub fn write_at(fd: RawFd, data: &[u8], offset: u64) -> Result<()> {
    let mut done = 0;
    while done < data.len() {
        let (p, n) = (data[done..].as_ptr().cast(), data.len() - done);
        // SAFETY: `p` has `n` bytes to read.
        let r = unsafe { libc::pwrite(fd, p, n, (offset + done as u64) as i64) };
        if r < 0 && errno() != libc::EINTR {
            return Err(Error::source("write", b""));
        }
        done += r.max(0) as usize;
    }
    Ok(())
}

/// The parts of a file that hold data, as (offset, length), at most `runs::MOST` of them; `None`
/// when it has no hole.
pub fn extents(fd: RawFd, size: u64) -> Option<Vec<(u64, u64)>> {
    // Blocks do not tell: those of attributes count as the file's, and may hide a hole.
    // SAFETY: a plain system call on a handle.
    let first = unsafe { libc::lseek(fd, 0, libc::SEEK_HOLE) };
    if first < 0 || first as u64 >= size {
        return None;
    }
    let mut out: Vec<(u64, u64)> = Vec::new();
    let mut at = 0i64;
    loop {
        // SAFETY: a plain system call on a handle.
        let start = unsafe { libc::lseek(fd, at, libc::SEEK_DATA) };
        if start < 0 || start as u64 >= size {
            let over = start >= 0 || errno() == libc::ENXIO;
            runs::fewer(&mut out, runs::MOST);
            return over.then_some(out);
        }
        // SAFETY: a plain system call on a handle.
        let end = unsafe { libc::lseek(fd, start, libc::SEEK_HOLE) };
        if end < 0 {
            return None;
        }
        // The file may change meanwhile: data that is gone again, or that filled a hole behind us.
        let length = (end as u64).min(size) - start as u64;
        match out.last_mut() {
            Some((before, run)) if *before + *run == start as u64 => *run += length,
            _ if length > 0 => out.push((start as u64, length)),
            _ => {}
        }
        at = end;
        // A file can have millions: they are never all held.
        if out.len() == 2 * runs::MOST {
            runs::fewer(&mut out, runs::MOST);
        }
    }
}

/// Which mount a handle is open on; none where the system does not tell. A bind mount has its own,
/// though its files are of the same file system.
pub fn mount(fd: RawFd) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).ok()?;
    text.lines().find_map(|line| line.strip_prefix("mnt_id:"))?.trim().parse().ok()
}

/// Whether a range of a file is data throughout.
pub fn is_data(fd: RawFd, offset: u64, length: u64) -> bool {
    // SAFETY: a plain system call on a handle.
    let end = unsafe { libc::lseek(fd, offset as i64, libc::SEEK_HOLE) };
    end < 0 && errno() == libc::EINVAL || end >= 0 && end as u64 >= offset + length
}

/// Files of a batch stay open together: asks for as many handles as the system grants.
pub fn raise_handle_limit() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the structure is the one that both calls take.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) == 0 {
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &limit);
        }
    }
}
