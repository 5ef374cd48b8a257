//! Bytes in memory, or a private cache file mapped into it.

use std::fs::File;
use std::io::{Error, ErrorKind, Result, Write};
use std::ops::Deref;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

pub enum Bytes {
    Owned(Vec<u8>),
    Mapped(Map),
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Bytes::Owned(bytes) => bytes,
            Bytes::Mapped(map) => map,
        }
    }
}

/// A file that nobody changes once it has its name, mapped for reading.
pub struct Map {
    start: *const u8,
    length: usize,
}

// SAFETY: the memory is read only.
unsafe impl Send for Map {}
// SAFETY: as above.
unsafe impl Sync for Map {}

const CHECKSUM: usize = 32;

impl Map {
    /// Maps what `keep` wrote; a file that is not whole is refused.
    pub fn open(path: &Path) -> Result<Map> {
        let file = File::open(path)?;
        let size = file.metadata()?.len() as usize;
        let bad = || Error::new(ErrorKind::InvalidData, "not a whole cache file");
        let length = size.checked_sub(CHECKSUM).filter(|n| *n > 0).ok_or_else(bad)?;
        // SAFETY: a new private mapping of the whole file, checked below.
        let start = unsafe {
            let (read, private) = (libc::PROT_READ, libc::MAP_PRIVATE);
            libc::mmap(std::ptr::null_mut(), size, read, private, file.as_raw_fd(), 0)
        };
        if start == libc::MAP_FAILED {
            return Err(Error::last_os_error());
        }
        let map = Map { start: start.cast(), length };
        // SAFETY: the mapping has `size` bytes, of which the last are the checksum.
        let sum = unsafe { std::slice::from_raw_parts(map.start.add(length), CHECKSUM) };
        if blake3::hash(&map).as_bytes() != sum {
            return Err(bad());
        }
        Ok(map)
    }
}

impl Deref for Map {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the mapping lives as long as `self`.
        unsafe { std::slice::from_raw_parts(self.start, self.length) }
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: mapped by `open` with this length, and unmapped once.
        unsafe { libc::munmap(self.start as *mut libc::c_void, self.length + CHECKSUM) };
    }
}

/// Writes a cache file: whole under its name, or not at all. A cache needs no fsync: its checksum
/// tells what a power loss tore.
pub fn keep(path: &Path, data: &[u8]) -> Result<()> {
    let unique: [u8; 8] = crate::crypto::random();
    let temporary = path.with_extension(format!("tmp-{}", crate::object::hex(&unique)));
    let write = || {
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(data)?;
        file.write_all(blake3::hash(data).as_bytes())?;
        drop(file);
        std::fs::rename(&temporary, path)
    };
    write().inspect_err(|_| {
        let _ = std::fs::remove_file(&temporary);
    })
}
