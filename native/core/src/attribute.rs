//! What an inode has beside its `stat`: extended attributes (ACLs among them), flags and a project id.

use crate::error::{Error, Result};
use crate::posix::{check, errno, name};
use std::ffi::{CStr, CString};
use std::os::fd::RawFd;

pub type Xattrs = Vec<(Vec<u8>, Vec<u8>)>;

/// A path to what a handle is open on, also one of `O_PATH` on a link, which is then not followed.
pub fn proc_path(fd: RawFd) -> CString {
    CString::new(format!("/proc/self/fd/{fd}")).expect("no zero byte in a number")
}

enum At<'a> {
    Handle(RawFd),
    /// Followed at the end only where it is a handle's own path.
    Path(&'a CStr, bool),
}

impl At<'_> {
    fn list(&self, p: *mut libc::c_char, n: usize) -> isize {
        // SAFETY: the strings end in zero, and the kernel keeps to the length given.
        unsafe {
            match self {
                At::Handle(fd) => libc::flistxattr(*fd, p, n),
                At::Path(path, true) => libc::listxattr(path.as_ptr(), p, n),
                At::Path(path, false) => libc::llistxattr(path.as_ptr(), p, n),
            }
        }
    }

    fn get(&self, key: &CStr, p: *mut libc::c_char, n: usize) -> isize {
        let (key, p) = (key.as_ptr(), p.cast());
        // SAFETY: the strings end in zero, and the kernel keeps to the length given.
        unsafe {
            match self {
                At::Handle(fd) => libc::fgetxattr(*fd, key, p, n),
                At::Path(path, true) => libc::getxattr(path.as_ptr(), key, p, n),
                At::Path(path, false) => libc::lgetxattr(path.as_ptr(), key, p, n),
            }
        }
    }

    fn all(&self) -> Result<Xattrs> {
        let Some(keys) = grow(|p, n| self.list(p, n))? else { return Ok(vec![]) };
        let mut out = Vec::new();
        for key in keys.split(|b| *b == 0).filter(|k| !k.is_empty()) {
            let key_c = name(key)?;
            if let Some(value) = grow(|p, n| self.get(&key_c, p, n))? {
                out.push((key.to_vec(), value));
            }
        }
        out.sort();
        Ok(out)
    }
}

/// Every extended attribute of an open file, sorted by name; ACLs are among them.
pub fn xattrs(fd: RawFd) -> Result<Xattrs> {
    At::Handle(fd).all()
}

/// The same for an entry that cannot be opened: a link, a device, a pipe.
pub fn xattrs_at(dir: RawFd, file: &CStr) -> Result<Xattrs> {
    let path = [proc_path(dir).as_bytes(), b"/", file.to_bytes()].concat();
    At::Path(&name(&path)?, false).all()
}

/// Asks a call for its size, then for its bytes; `None` where there is nothing or no support.
fn grow(call: impl Fn(*mut libc::c_char, usize) -> isize) -> Result<Option<Vec<u8>>> {
    loop {
        let size = call(std::ptr::null_mut(), 0);
        if size < 0 {
            return match errno() {
                libc::ENOTSUP | libc::ENODATA => Ok(None),
                _ => Err(Error::source("read attributes", b"")),
            };
        }
        let mut buffer = vec![0u8; size as usize];
        let n = if size == 0 { 0 } else { call(buffer.as_mut_ptr().cast(), buffer.len()) };
        if n >= 0 {
            buffer.truncate(n as usize);
            return Ok(Some(buffer));
        }
        if errno() != libc::ERANGE {
            return Err(Error::source("read attributes", b""));
        }
    }
}

/// Makes the attributes of what a handle is open on exactly `wanted`, as far as the system allows:
/// one that cannot be set does not keep the others from being set.
pub fn set_xattrs(fd: RawFd, wanted: &Xattrs) -> Result<()> {
    let path = proc_path(fd);
    let present = At::Path(&path, true).all()?;
    let mut outcome = Ok(());
    for (key, _) in present.iter().filter(|(k, _)| !wanted.iter().any(|(w, _)| w == k)) {
        // SAFETY: the strings end in zero, and the kernel keeps to the length given.
        let r = unsafe { libc::removexattr(path.as_ptr(), name(key)?.as_ptr()) };
        outcome = outcome.and(check(i64::from(r), "remove attribute", key).map(drop));
    }
    for (key, value) in wanted.iter().filter(|pair| !present.contains(pair)) {
        let (key_c, data) = (name(key)?, value.as_ptr().cast());
        // SAFETY: the strings end in zero, and the kernel keeps to the length given.
        let r = unsafe { libc::setxattr(path.as_ptr(), key_c.as_ptr(), data, value.len(), 0) };
        outcome = outcome.and(check(i64::from(r), "set attribute", key).map(drop));
    }
    outcome
}

const GET_FLAGS: libc::c_ulong = 0x8008_6601;
const SET_FLAGS: libc::c_ulong = 0x4008_6602;
const IMMUTABLE: u32 = 0x10;
const APPEND: u32 = 0x20;
/// Flags with which a folder says what is made in it, or what may be linked there.
const PROJECT_INHERIT: u32 = 0x2000_0000;
/// Flags that forbid to change, link or replace what has them.
pub const HOLDING: u32 = IMMUTABLE | APPEND | PROJECT_INHERIT;
/// Inode flags a user sets and that can be set again: `chattr` letters s u c S i a d A, j t D T, C, P.
pub const FLAGS_KEPT: u32 = 0xff | 0x4000 | 0x8000 | 0x1_0000 | 0x2_0000 | 0x80_0000 | 0x2000_0000;

fn raw_flags(fd: RawFd) -> Option<u32> {
    let mut flags: libc::c_long = 0;
    // SAFETY: the kernel reads or writes exactly the value that is passed.
    let r = unsafe { libc::ioctl(fd, GET_FLAGS, &mut flags) };
    (r == 0).then_some(flags as u32)
}

pub fn flags(fd: RawFd) -> u32 {
    raw_flags(fd).map_or(0, |flags| flags & FLAGS_KEPT)
}

pub fn set_flags(fd: RawFd, flags: u32) -> Result<()> {
    let Some(now) = raw_flags(fd) else {
        return if flags == 0 { Ok(()) } else { Err(Error::source("set inode flags", b"")) };
    };
    let want = now & !FLAGS_KEPT | flags;
    if want == now {
        return Ok(());
    }
    let value = libc::c_long::from(want);
    // SAFETY: the kernel reads or writes exactly the value that is passed.
    let r = unsafe { libc::ioctl(fd, SET_FLAGS, &value) };
    check(i64::from(r), "set inode flags", b"").map(drop)
}

/// `struct fsxattr` of Linux.
#[repr(C)]
#[derive(Default)]
struct FsAttribute {
    flags: u32,
    extent_size: u32,
    extents: u32,
    project: u32,
    cow_extent_size: u32,
    pad: [u8; 8],
}

const GET_FS_ATTRIBUTE: libc::c_ulong = 0x801c_581f;
const SET_FS_ATTRIBUTE: libc::c_ulong = 0x401c_5820;

fn fs_attribute(fd: RawFd) -> Option<FsAttribute> {
    let mut found = FsAttribute::default();
    // SAFETY: the kernel reads or writes exactly the value that is passed.
    let r = unsafe { libc::ioctl(fd, GET_FS_ATTRIBUTE, &mut found) };
    (r == 0).then_some(found)
}

/// The project that quotas count a file or folder for; 0 is none.
pub fn project(fd: RawFd) -> u32 {
    fs_attribute(fd).map_or(0, |found| found.project)
}

pub fn set_project(fd: RawFd, project: u32) -> Result<()> {
    let found = fs_attribute(fd).unwrap_or_default();
    if found.project == project {
        return Ok(());
    }
    let wanted = FsAttribute { project, ..found };
    // SAFETY: the kernel reads or writes exactly the value that is passed.
    let r = unsafe { libc::ioctl(fd, SET_FS_ATTRIBUTE, &wanted) };
    check(i64::from(r), "set project id", b"").map(drop)
}
