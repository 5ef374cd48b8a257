//! btrfs: which subvolume a folder is of, what subvolumes lie below it, and read-only snapshots.

use crate::error::{Error, Result};
use crate::posix::{self, check, errno};
use std::os::fd::RawFd;

const fn io(direction: u64, number: u64, size: u64) -> libc::c_ulong {
    direction << 30 | size << 16 | 0x94 << 8 | number
}
const SNAPSHOT: libc::c_ulong = io(1, 23, 4096);
const CREATE: libc::c_ulong = io(1, 24, 4096);
const DESTROY: libc::c_ulong = io(1, 15, 4096);
const LOOKUP: libc::c_ulong = io(3, 18, 4096);
const FILE_SYSTEM: libc::c_ulong = io(2, 31, 1024);
const BELOW: libc::c_ulong = io(3, 61, 4096);
const LOOKUP_USER: libc::c_ulong = io(3, 62, 4096);

const READ_ONLY: u64 = 1 << 1;
/// The inode of every subvolume's own root.
pub const ROOT_INODE: u64 = 256;
const MAGIC: i64 = 0x9123_683e;

/// Arguments of most calls are one page: numbers at its beginning, a name behind them.
#[repr(C, align(8))]
struct Page([u8; 4096]);

impl Page {
    fn new(numbers: &[u64], at: usize, name: &[u8]) -> Result<Page> {
        let mut page = Page([0; 4096]);
        for (i, number) in numbers.iter().enumerate() {
            page.0[i * 8..i * 8 + 8].copy_from_slice(&number.to_le_bytes());
        }
        if name.len() > 255 || name.contains(&0) {
            return Err(Error::Invalid("no name of a subvolume".into()));
        }
        page.0[at..at + name.len()].copy_from_slice(name);
        Ok(page)
    }

    fn number(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.0[at..at + 8].try_into().expect("8 bytes"))
    }

    fn text(&self, at: usize) -> Vec<u8> {
        self.0[at..].iter().take_while(|b| **b != 0).copied().collect()
    }

    fn call(&mut self, fd: RawFd, number: libc::c_ulong) -> i32 {
        // SAFETY: every call made takes at most one page, in which the kernel reads and writes.
        unsafe { libc::ioctl(fd, number, self.0.as_mut_ptr()) }
    }
}

/// The kind of file system, as `statfs` numbers it.
pub fn magic(fd: RawFd) -> Result<i64> {
    // SAFETY: a zeroed record is valid, and the call fills it.
    let mut found: libc::statfs = unsafe { std::mem::zeroed() };
    // SAFETY: as above.
    let r = unsafe { libc::fstatfs(fd, &mut found) };
    check(i64::from(r), "look at the file system", b"")?;
    Ok(found.f_type as i64)
}

pub fn is_btrfs(fd: RawFd) -> Result<bool> {
    Ok(magic(fd)? == MAGIC)
}

/// The identity of the whole file system, and the number of the subvolume that a handle is of.
pub fn identity(fd: RawFd) -> Result<([u8; 16], u64)> {
    let mut whole = Page([0; 4096]);
    check(i64::from(whole.call(fd, FILE_SYSTEM)), "look at the file system", b"")?;
    let id = whole.0[16..32].try_into().expect("16 bytes");
    let mut own = Page::new(&[0, ROOT_INODE], 16, b"")?;
    check(i64::from(own.call(fd, LOOKUP)), "look at the subvolume", b"")?;
    Ok((id, own.number(0)))
}

/// Subvolumes below a folder, by their paths from it.
pub fn below(fd: RawFd) -> Result<Vec<Vec<u8>>> {
    let mut found = Vec::new();
    let mut page = Page([0; 4096]);
    loop {
        let r = page.call(fd, BELOW);
        let more = r < 0 && errno() == libc::EOVERFLOW;
        if r < 0 && !more {
            return Err(Error::source("list subvolumes", b""));
        }
        for i in 0..usize::from(page.0[4088]) {
            let (tree, folder) = (page.number(8 + i * 16), page.number(16 + i * 16));
            let mut at = Page::new(&[folder, tree], 16, b"")?;
            match at.call(fd, LOOKUP_USER) {
                0 => found.push([at.text(16 + 256), at.text(16)].concat()),
                // It lies elsewhere in the subvolume.
                _ if matches!(errno(), libc::EACCES | libc::ENOENT) => {}
                _ => return Err(Error::source("look at a subvolume", b"")),
            }
        }
        if !more {
            found.sort();
            return Ok(found);
        }
    }
}

/// A read-only snapshot of the subvolume that `source` is of, as `dir/NAME`.
pub fn snapshot(source: RawFd, dir: RawFd, name: &[u8]) -> Result<()> {
    let mut page = Page::new(&[source as u64, 0, READ_ONLY], 56, name)?;
    check(i64::from(page.call(dir, SNAPSHOT)), "snapshot", name).map(drop)
}

/// An empty subvolume: what may make and delete one may do so with snapshots.
pub fn create(dir: RawFd, name: &[u8]) -> Result<()> {
    let mut page = Page::new(&[0, 0, 0], 56, name)?;
    check(i64::from(page.call(dir, CREATE)), "make a subvolume", name).map(drop)
}

pub fn delete(dir: RawFd, name: &[u8]) -> Result<()> {
    let mut page = Page::new(&[0], 8, name)?;
    check(i64::from(page.call(dir, DESTROY)), "delete the subvolume", name).map(drop)
}

/// Hands all that is written of a file system to its disk.
pub fn sync(fd: RawFd) -> Result<()> {
    // SAFETY: a plain system call on a handle.
    check(i64::from(unsafe { libc::syncfs(fd) }), "sync", b"").map(drop)
}

/// What a path names, which may be a link.
pub fn stat(path: &[u8]) -> Result<posix::Stat> {
    posix::stat(libc::AT_FDCWD, &posix::name(path)?)
}

/// Opens a folder or file for what this module asks.
pub fn open(path: &[u8]) -> Result<std::os::fd::OwnedFd> {
    posix::open_at(libc::AT_FDCWD, &posix::name(path)?, libc::O_RDONLY | libc::O_NONBLOCK, 0)
}
