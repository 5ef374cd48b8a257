//! The buffers that packs are filled in: page-aligned, so that a store may write them past the page
//! cache, and mapped, so that what a small pack never touches costs nothing.

use crate::error::{Error, Result};
use std::ops::{Deref, DerefMut};

/// Zeros at first.
pub struct Slot {
    start: *mut u8,
    length: usize,
}

// SAFETY: the memory is this slot's alone.
unsafe impl Send for Slot {}

impl Slot {
    pub fn new(length: usize) -> Result<Slot> {
        // SAFETY: a new private mapping that nothing else knows of.
        let start = unsafe {
            let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE);
            libc::mmap(std::ptr::null_mut(), length, access, kind | libc::MAP_ANONYMOUS, -1, 0)
        };
        if start == libc::MAP_FAILED {
            return Err(Error::Invalid("no memory for a pack: give less with --memory".into()));
        }
        // A fault for each 2 MiB instead of each 4 KiB.
        // SAFETY: advice on the mapping made above.
        unsafe { libc::madvise(start, length, libc::MADV_HUGEPAGE) };
        Ok(Slot { start: start.cast(), length })
    }

    /// For who shares it out: every part belongs to one of those.
    pub fn start(&self) -> *mut u8 {
        self.start
    }
}

impl Deref for Slot {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the mapping has `length` bytes and lives as long as `self`.
        unsafe { std::slice::from_raw_parts(self.start, self.length) }
    }
}

impl DerefMut for Slot {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and `self` is borrowed alone.
        unsafe { std::slice::from_raw_parts_mut(self.start, self.length) }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // SAFETY: mapped by `new` with this length, and unmapped once.
        unsafe { libc::munmap(self.start.cast(), self.length) };
    }
}
