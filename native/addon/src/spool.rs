//! What JavaScript keeps on a disk until a store has it, and the memory it reads that through.

use crate::bridge::throw;
use holdall_core::pack;
use holdall_core::slot::Slot;
use holdall_core::spool::Written;
use napi::bindgen_prelude::*;
use napi_derive::napi;

/// Bytes that the next pack is filled to in a repository whose packs have so many.
#[napi]
pub fn pack_fill(stored: f64) -> f64 {
    pack::fill(stored as u64) as f64
}

/// Memory that begins at a page, so that a file can be written from it past the page cache.
#[napi]
pub fn pages(env: &Env, length: u32) -> Result<BufferSlice<'_>> {
    let slot = Slot::new(length as usize).map_err(throw)?;
    let (start, length) = (slot.start(), length as usize);
    // SAFETY: the slot goes with the buffer, and nothing else looks at its memory.
    unsafe { BufferSlice::from_external(env, start, length, slot, |_, slot| drop(slot)) }
}

/// A file without a name that is written from its beginning to its end, and hashed on the way.
#[napi]
pub struct Spool {
    own: Option<Written>,
}

#[napi]
impl Spool {
    #[napi(constructor)]
    pub fn new(folder: Buffer) -> Result<Spool> {
        Ok(Spool { own: Some(Written::new(&folder).map_err(throw)?) })
    }

    #[napi]
    pub fn append(&mut self, bytes: Buffer) -> Result<()> {
        self.own.as_mut().ok_or_else(closed)?.append(&bytes).map_err(throw)
    }

    /// BLAKE3 of all of it, in hexadecimal.
    #[napi]
    pub fn hash(&self) -> Result<String> {
        Ok(self.own.as_ref().ok_or_else(closed)?.hash())
    }

    #[napi(getter)]
    pub fn length(&self) -> Result<f64> {
        Ok(self.own.as_ref().ok_or_else(closed)?.length() as f64)
    }

    /// Its descriptor, only to be read from.
    #[napi(getter)]
    pub fn file(&self) -> Result<i32> {
        Ok(self.own.as_ref().ok_or_else(closed)?.handle())
    }

    /// The file goes.
    #[napi]
    pub fn close(&mut self) {
        self.own = None;
    }
}

fn closed() -> Error {
    Error::from_reason("internal: a spool is used after it was closed")
}
