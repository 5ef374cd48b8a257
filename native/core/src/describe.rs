//! Giving what was restored its owner, mode, attributes, times and flags: through a handle only, so
//! that nothing swapped in under its name meanwhile is touched.

use crate::attribute;
use crate::error::{Error, Result};
use crate::page::{self, Entry, EXT_FLAGS, EXT_PROJECT};
use crate::posix::{self, check};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

const PATH_FLAGS: i32 = libc::O_PATH | libc::O_NOFOLLOW;

/// A handle of what has this name, without opening a device or following a link.
pub fn handle(dir: RawFd, name: &[u8]) -> Result<OwnedFd> {
    posix::open_at(dir, &posix::name(name)?, PATH_FLAGS, 0)
}

pub fn format(kind: u8) -> u32 {
    match kind {
        page::FILE => libc::S_IFREG,
        page::DIR => libc::S_IFDIR,
        page::LINK => libc::S_IFLNK,
        page::CHAR => libc::S_IFCHR,
        page::BLOCK => libc::S_IFBLK,
        page::FIFO => libc::S_IFIFO,
        _ => libc::S_IFSOCK,
    }
}

/// Describes what was just made under the entry's name and is no regular file.
pub fn named(dir: RawFd, entry: &Entry) -> Result<()> {
    let fd = match entry.kind {
        page::DIR => posix::open_at(dir, &posix::name(&entry.name)?, posix::DIR_FLAGS, 0)?,
        _ => handle(dir, &entry.name)?,
    };
    let stat = posix::stat(fd.as_raw_fd(), c"")?;
    let alone = entry.kind == page::DIR || stat.links == 1;
    if stat.format() != format(entry.kind) || !alone {
        return Err(Error::Source {
            op: "something else took its place",
            path: entry.name.clone(),
            errno: libc::EEXIST,
        });
    }
    open(fd.as_raw_fd(), entry)
}

/// Describes what a handle is open on, in the order in which one does not undo another. A part that
/// cannot be set does not keep the others from being set; the first such is the error.
pub fn open(fd: RawFd, entry: &Entry) -> Result<()> {
    let (mode, owned) = owner(fd, entry)?;
    let mut outcome = owned.and(attribute::set_xattrs(fd, &entry.xattrs));
    if entry.kind != page::LINK {
        outcome = outcome.and(set_mode(fd, entry, mode));
    }
    let (tv_sec, nsec) = entry.mtime;
    let times = [libc::timespec { tv_sec, tv_nsec: i64::from(nsec) }; 2];
    let path = attribute::proc_path(fd);
    // SAFETY: a plain system call on valid strings.
    let r = unsafe { libc::utimensat(libc::AT_FDCWD, path.as_ptr(), times.as_ptr(), 0) };
    outcome = outcome.and(check(i64::from(r), "set times", &entry.name).map(drop));
    if matches!(entry.kind, page::FILE | page::DIR) {
        outcome = outcome
            .and(attribute::set_project(fd, number(entry, EXT_PROJECT)))
            .and(attribute::set_flags(fd, number(entry, EXT_FLAGS)));
    }
    outcome
}

fn number(entry: &Entry, ext: u64) -> u32 {
    entry.ext(ext).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes)
}

/// Sets the owner; returns the mode to set. An ordinary user cannot give files away: they stay the
/// user's own, in the group if the user may, and without the set-id bits that meant somebody else.
fn owner(fd: RawFd, entry: &Entry) -> Result<(u32, Result<()>)> {
    let now = posix::stat(fd, c"")?;
    if (now.uid, now.gid) == (entry.uid, entry.gid) {
        return Ok((entry.mode, Ok(())));
    }
    let give =
        // SAFETY: a plain system call on valid strings.
        |uid, gid| unsafe { libc::fchownat(fd, c"".as_ptr(), uid, gid, libc::AT_EMPTY_PATH) == 0 };
    if give(entry.uid, entry.gid) {
        return Ok((entry.mode, Ok(())));
    }
    let error = Error::source("set owner", &entry.name);
    let kept_group = now.gid == entry.gid || give(u32::MAX, entry.gid);
    let foreign = match (now.uid == entry.uid, kept_group) {
        (true, true) => 0,
        (true, false) => libc::S_ISGID,
        _ => libc::S_ISUID | libc::S_ISGID,
    };
    let mode = if entry.kind == page::DIR { entry.mode } else { entry.mode & !foreign };
    let ordinary = matches!(error, Error::Source { errno: libc::EPERM, .. })
        // SAFETY: a plain system call without pointers.
        && unsafe { libc::geteuid() } != 0;
    Ok((mode, if ordinary { Ok(()) } else { Err(error) }))
}

fn set_mode(fd: RawFd, entry: &Entry, mode: u32) -> Result<()> {
    let r = match entry.kind {
        // SAFETY: a plain system call without pointers.
        page::FILE | page::DIR => unsafe { libc::fchmod(fd, mode) },
        // SAFETY: a plain system call on valid strings.
        _ => unsafe { libc::chmod(attribute::proc_path(fd).as_ptr(), mode) },
    };
    check(i64::from(r), "set mode", &entry.name).map(drop)
}
