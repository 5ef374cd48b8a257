//! The system calls Node lacks, on directory handles: no path ever exceeds one name here.

use crate::error::{Error, Result};
use std::ffi::{CStr, CString};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

pub type Xattrs = Vec<(Vec<u8>, Vec<u8>)>;

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

/// Opens a folder given by names below `base`, one name at a time, never through a link.
pub fn open_beneath(base: RawFd, names: &[Vec<u8>]) -> Result<OwnedFd> {
    let mut fd = open_at(base, c".", DIR_FLAGS, 0)?;
    for part in names {
        fd = open_at(fd.as_raw_fd(), &name(part)?, DIR_FLAGS, 0)?;
    }
    Ok(fd)
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

/// All names of a folder but `.` and `..`, in the order the file system gives them.
pub fn names(dir: RawFd) -> Result<Vec<Vec<u8>>> {
    let mut out = Vec::new();
    let mut buffer = vec![0u8; 64 << 10];
    // SAFETY: a plain system call on a handle.
    unsafe { libc::lseek(dir, 0, libc::SEEK_SET) };
    loop {
        // SAFETY: the kernel writes at most the buffer's length.
        let n =
            unsafe { libc::syscall(libc::SYS_getdents64, dir, buffer.as_mut_ptr(), buffer.len()) };
        let n = check(n, "list", b".")? as usize;
        if n == 0 {
            return Ok(out);
        }
        let mut at = 0;
        while at < n {
            let size = u16::from_le_bytes([buffer[at + 16], buffer[at + 17]]) as usize;
            let text = &buffer[at + 19..at + size];
            let end = text.iter().position(|b| *b == 0).unwrap_or(text.len());
            if &text[..end] != b"." && &text[..end] != b".." {
                out.push(text[..end].to_vec());
            }
            at += size;
        }
    }
}

pub fn read_link(dir: RawFd, file: &CStr) -> Result<Vec<u8>> {
    let mut buffer = vec![0u8; libc::PATH_MAX as usize + 1];
    // SAFETY: the kernel writes at most the buffer's length.
    let n =
        unsafe { libc::readlinkat(dir, file.as_ptr(), buffer.as_mut_ptr().cast(), buffer.len()) };
    buffer.truncate(check(n as i64, "read link", file.to_bytes())? as usize);
    Ok(buffer)
}

/// A path that reaches an entry for calls that take no handle; never follows the entry itself.
fn proc_path(dir: RawFd, file: &CStr) -> CString {
    let mut path = format!("/proc/self/fd/{dir}").into_bytes();
    if !file.is_empty() {
        path.push(b'/');
        path.extend_from_slice(file.to_bytes());
    }
    CString::new(path).expect("no zero byte in either part")
}

enum At<'a> {
    Handle(RawFd),
    Name(&'a CStr),
}

/// Every extended attribute of an open file, sorted by name; ACLs are among them.
pub fn xattrs(fd: RawFd) -> Result<Xattrs> {
    collect(At::Handle(fd))
}

/// The same for an entry that cannot be opened: a link, a device, a pipe.
pub fn xattrs_at(dir: RawFd, file: &CStr) -> Result<Xattrs> {
    collect(At::Name(&proc_path(dir, file)))
}

fn collect(at: At) -> Result<Xattrs> {
    let list = |p: *mut libc::c_char, n: usize| match at {
        // SAFETY: `p` has room for `n` bytes.
        At::Handle(fd) => unsafe { libc::flistxattr(fd, p, n) },
        // SAFETY: the path is ended by a zero, and `p` has room for `n` bytes.
        At::Name(path) => unsafe { libc::llistxattr(path.as_ptr(), p, n) },
    };
    let Some(all) = grow(list)? else { return Ok(vec![]) };
    let mut out = Vec::new();
    for key in all.split(|b| *b == 0).filter(|k| !k.is_empty()) {
        let key_c = name(key)?;
        let get = |p: *mut libc::c_char, n: usize| match at {
            // SAFETY: the key is ended by a zero, and `p` has room for `n` bytes.
            At::Handle(fd) => unsafe { libc::fgetxattr(fd, key_c.as_ptr(), p.cast(), n) },
            // SAFETY: path and key are ended by a zero, and `p` has room for `n` bytes.
            At::Name(path) => unsafe {
                libc::lgetxattr(path.as_ptr(), key_c.as_ptr(), p.cast(), n)
            },
        };
        if let Some(value) = grow(get)? {
            out.push((key.to_vec(), value));
        }
    }
    out.sort();
    Ok(out)
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

/// Makes the attributes of an entry exactly `wanted`.
pub fn set_xattrs(dir: RawFd, file: &CStr, wanted: &Xattrs) -> Result<()> {
    let path = proc_path(dir, file);
    let present = collect(At::Name(&path))?;
    for (key, _) in present.iter().filter(|(k, _)| !wanted.iter().any(|(w, _)| w == k)) {
        // SAFETY: path and key are ended by a zero and outlive the call.
        let r = unsafe { libc::lremovexattr(path.as_ptr(), name(key)?.as_ptr()) };
        check(i64::from(r), "remove attribute", key)?;
    }
    for (key, value) in wanted.iter().filter(|pair| !present.contains(pair)) {
        // SAFETY: path and key are ended by a zero, and the value has the length given.
        let r = unsafe {
            libc::lsetxattr(
                path.as_ptr(),
                name(key)?.as_ptr(),
                value.as_ptr().cast(),
                value.len(),
                0,
            )
        };
        check(i64::from(r), "set attribute", key)?;
    }
    Ok(())
}

const GET_FLAGS: libc::c_ulong = 0x8008_6601;
const SET_FLAGS: libc::c_ulong = 0x4008_6602;
/// Inode flags a user sets and that can be set again (`chattr` letters S i a d A c D C P).
pub const FLAGS_KEPT: u32 =
    0x8 | 0x10 | 0x20 | 0x40 | 0x80 | 0x4 | 0x1_0000 | 0x80_0000 | 0x2000_0000;

pub fn flags(fd: RawFd) -> u32 {
    let mut flags: libc::c_long = 0;
    // SAFETY: the kernel writes an int, and a long has room for it.
    let r = unsafe { libc::ioctl(fd, GET_FLAGS, &mut flags) };
    if r == 0 {
        flags as u32 & FLAGS_KEPT
    } else {
        0
    }
}

pub fn set_flags(fd: RawFd, flags: u32) -> Result<()> {
    let mut now: libc::c_long = 0;
    // SAFETY: the kernel writes an int, and a long has room for it.
    if unsafe { libc::ioctl(fd, GET_FLAGS, &mut now) } != 0 {
        return if flags == 0 { Ok(()) } else { Err(Error::source("set inode flags", b"")) };
    }
    let want = now as u32 & !FLAGS_KEPT | flags;
    if want == now as u32 {
        return Ok(());
    }
    let value = libc::c_long::from(want);
    // SAFETY: the kernel reads an int, and a long begins with it on this machine.
    check(i64::from(unsafe { libc::ioctl(fd, SET_FLAGS, &value) }), "set inode flags", b"")
        .map(|_| ())
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

/// The parts of a file that hold data, as (offset, length); `None` when it has no hole.
pub fn extents(fd: RawFd, size: u64) -> Option<Vec<(u64, u64)>> {
    let mut out = Vec::new();
    let mut at = 0i64;
    loop {
        // SAFETY: a plain system call on a handle.
        let start = unsafe { libc::lseek(fd, at, libc::SEEK_DATA) };
        if start < 0 || start as u64 >= size {
            return (start >= 0 || errno() == libc::ENXIO).then_some(out);
        }
        // SAFETY: a plain system call on a handle.
        let end = unsafe { libc::lseek(fd, start, libc::SEEK_HOLE) };
        if end < 0 {
            return None;
        }
        out.push((start as u64, (end as u64).min(size) - start as u64));
        at = end;
        if start == 0 && end as u64 >= size {
            return None;
        }
    }
}

/// Files of a batch stay open together: asks for as many handles as the system grants.
pub fn raise_handle_limit() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls look only at `limit`, which is theirs for the call.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) == 0 {
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &limit);
        }
    }
}
