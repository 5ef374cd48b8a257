//! Taking away what stands where something else is to be, or what a snapshot does not have.

use crate::attribute::{self, HOLDING};
use crate::describe::handle;
use crate::error::{Error, Result};
use crate::names::Names;
use crate::posix;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

/// Folders kept open on the way down; those above are opened again on the way back.
const HANDLES: usize = 64;

fn unlink(dir: RawFd, name: &[u8], flags: i32) -> Result<()> {
    // SAFETY: the string is ended by a zero and outlives the call.
    let r = unsafe { libc::unlinkat(dir, posix::name(name)?.as_ptr(), flags) };
    posix::check(i64::from(r), "remove", name).map(drop)
}

fn failed(outcome: &Result<()>, with: &[i32]) -> bool {
    matches!(outcome, Err(Error::Source { errno, .. }) if with.contains(errno))
}

/// Takes away the flags of a file or folder that forbid to change it. True when it had any.
pub fn soften(dir: RawFd, name: &[u8]) -> bool {
    let soft = || -> Result<bool> {
        let found = handle(dir, name)?;
        let format = posix::stat(found.as_raw_fd(), c"")?.format();
        if ![libc::S_IFREG, libc::S_IFDIR].contains(&format) {
            return Ok(false);
        }
        let path = attribute::proc_path(found.as_raw_fd());
        let fd = posix::open_at(libc::AT_FDCWD, &path, libc::O_RDONLY | libc::O_NONBLOCK, 0)?;
        let flags = attribute::flags(fd.as_raw_fd());
        attribute::set_flags(fd.as_raw_fd(), flags & !HOLDING)?;
        Ok(flags & HOLDING != 0)
    };
    soft().unwrap_or(false)
}

fn unlink_soft(dir: RawFd, name: &[u8], flags: i32) -> Result<()> {
    match unlink(dir, name, flags) {
        refused if failed(&refused, &[libc::EPERM]) && soften(dir, name) => {
            unlink(dir, name, flags)
        }
        outcome => outcome,
    }
}

/// Frees a name for something that is no folder. A folder that is not empty goes only when `all`.
pub fn clear(dir: RawFd, name: &[u8], all: bool) -> Result<()> {
    let outcome = unlink_soft(dir, name, 0);
    if failed(&outcome, &[libc::ENOENT]) {
        return Ok(());
    }
    if !failed(&outcome, &[libc::EISDIR]) {
        return outcome;
    }
    if all {
        return remove(dir, name);
    }
    unlink_soft(dir, name, libc::AT_REMOVEDIR)
}

struct Level {
    name: Vec<u8>,
    handle: Option<OwnedFd>,
    /// Folders that are still to be removed here.
    left: Vec<Vec<u8>>,
}

/// Removes an entry and all below it, without recursion: trees can be deeper than a stack.
pub fn remove(dir: RawFd, name: &[u8]) -> Result<()> {
    let first = unlink_soft(dir, name, 0);
    if !failed(&first, &[libc::EISDIR]) {
        return first;
    }
    let mut levels = vec![enter(dir, name)?];
    while !levels.is_empty() {
        let fd = held(dir, &mut levels)?;
        if let Some(below) = levels.last_mut().and_then(|level| level.left.pop()) {
            levels.push(enter(fd, &below)?);
            if let Some(old) = levels.len().checked_sub(HANDLES) {
                levels[old].handle = None;
            }
        } else if let Some(empty) = levels.pop() {
            let above = if levels.is_empty() { dir } else { held(dir, &mut levels)? };
            unlink_soft(above, &empty.name, libc::AT_REMOVEDIR)?;
        }
    }
    Ok(())
}

/// The handle of the last level, opened again when it was given up.
fn held(dir: RawFd, levels: &mut [Level]) -> Result<RawFd> {
    let names: Vec<Vec<u8>> = match levels.last() {
        Some(Level { handle: Some(fd), .. }) => return Ok(fd.as_raw_fd()),
        _ => levels.iter().map(|level| level.name.clone()).collect(),
    };
    let fd = posix::open_beneath(dir, &names, posix::DIR_FLAGS)?;
    let raw = fd.as_raw_fd();
    if let Some(level) = levels.last_mut() {
        level.handle = Some(fd);
    }
    Ok(raw)
}

/// Opens a folder, empties it of everything but folders, and notes those. What is mounted there is
/// another's, and stays.
fn enter(dir: RawFd, name: &[u8]) -> Result<Level> {
    let fd = posix::open_at(dir, &posix::name(name)?, posix::DIR_FLAGS, 0)?;
    if posix::mount(fd.as_raw_fd()) != posix::mount(dir) {
        let op = "remove what is mounted there";
        return Err(Error::Source { op, path: name.to_vec(), errno: libc::EBUSY });
    }
    soften(dir, name);
    let mut left = Vec::new();
    let names = Names::read(fd.as_raw_fd(), &mut Vec::new())?;
    for below in names.iter() {
        let outcome = unlink_soft(fd.as_raw_fd(), below, 0);
        if failed(&outcome, &[libc::EISDIR]) {
            left.push(below.to_vec());
        } else {
            outcome?;
        }
    }
    Ok(Level { name: name.to_vec(), handle: Some(fd), left })
}
