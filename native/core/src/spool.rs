//! Sealed bytes that wait on a disk for the store: a file without a name, gone with whoever wrote
//! it. It is written and read by calls and never mapped, so that a full or failing disk is an error
//! and what lies in it takes no memory but the page cache's.

use crate::error::{Error, Result};
use crate::object::hex;
use crate::posix::{self, errno};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

pub struct Spool {
    file: OwnedFd,
    /// For messages.
    folder: Vec<u8>,
}

impl Spool {
    /// An empty one in this folder.
    pub fn new(folder: &[u8]) -> Result<Spool> {
        match nameless(folder) {
            Ok(file) => Ok(Spool { file, folder: folder.to_vec() }),
            Err(_) => Err(Error::Spool { folder: folder.to_vec(), errno: errno() }),
        }
    }

    pub fn write(&self, data: &[u8], offset: u64) -> Result<()> {
        posix::write_at(self.file.as_raw_fd(), data, offset).map_err(|e| self.failed(&e))
    }

    /// Fills all of `out`.
    pub fn read(&self, out: &mut [u8], offset: u64) -> Result<()> {
        let read = posix::read_at(self.file.as_raw_fd(), out, offset);
        match read.map_err(|e| self.failed(&e))? == out.len() {
            true => Ok(()),
            false => Err(Error::Spool { folder: self.folder.clone(), errno: libc::EIO }),
        }
    }

    /// Only to be read from, as long as this lives.
    pub fn handle(&self) -> RawFd {
        self.file.as_raw_fd()
    }

    fn failed(&self, e: &Error) -> Error {
        let errno = if let Error::Source { errno, .. } = e { *errno } else { libc::EIO };
        Error::Spool { folder: self.folder.clone(), errno }
    }
}

/// A spool that is written from its beginning to its end, and hashed on the way.
pub struct Written {
    spool: Spool,
    hasher: blake3::Hasher,
    length: u64,
}

impl Written {
    pub fn new(folder: &[u8]) -> Result<Written> {
        Ok(Written { spool: Spool::new(folder)?, hasher: blake3::Hasher::new(), length: 0 })
    }

    pub fn append(&mut self, data: &[u8]) -> Result<()> {
        self.spool.write(data, self.length)?;
        self.hasher.update(data);
        self.length += data.len() as u64;
        Ok(())
    }

    /// BLAKE3 of all of it, in hexadecimal.
    pub fn hash(&self) -> String {
        hex(self.hasher.finalize().as_bytes())
    }

    pub fn length(&self) -> u64 {
        self.length
    }

    pub fn handle(&self) -> RawFd {
        self.spool.handle()
    }
}

/// Where a file system cannot make a file without a name, it loses it at once.
fn nameless(folder: &[u8]) -> Result<OwnedFd> {
    let path = posix::name(folder)?;
    let made = posix::open_at(libc::AT_FDCWD, &path, libc::O_TMPFILE | libc::O_RDWR, 0o600);
    match made {
        Err(Error::Source { errno: libc::EOPNOTSUPP | libc::EISDIR, .. }) => {}
        other => return other,
    }
    let unique = hex(&crate::crypto::random::<8>());
    let path = posix::name(&[folder, b"/.spool-", unique.as_bytes()].concat())?;
    let flags = libc::O_CREAT | libc::O_EXCL | libc::O_RDWR;
    let file = posix::open_at(libc::AT_FDCWD, &path, flags, 0o600)?;
    // SAFETY: a plain system call on a valid string.
    let gone = unsafe { libc::unlink(path.as_ptr()) };
    posix::check(i64::from(gone), "unlink", path.to_bytes())?;
    Ok(file)
}
