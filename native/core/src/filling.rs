//! A pack being filled by several workers: each reserves its place under a lock and seals its block
//! there without one.

use crate::crypto::TAG;
use crate::error::Result;
use crate::keyring::Epoch;
use crate::object::HEADER;
use crate::pack::{
    stored_size, Block, Contents, Id, PackKey, BLOCK_ROW, CHUNK_ROW, CONTENTS_COUNTER,
    CONTENTS_FIXED, FILL, LOCATOR, LOCATOR_COUNTER, TAIL,
};
use crate::slot::Slot;
use std::cell::UnsafeCell;
use std::sync::{Arc, Mutex};

/// Chunks of one pack at most, so that its contents are never larger than its blocks need.
const PACK_CHUNKS: usize = 1 << 16;

pub struct Filling {
    /// `FILL` bytes. Every byte belongs to one reservation, or to whoever closes the pack.
    buffer: UnsafeCell<Slot>,
    inner: Mutex<Inner>,
    pub key: PackKey,
    pub salt: [u8; 32],
}

struct Inner {
    used: usize,
    contents: Contents,
}

// SAFETY: reservations never overlap, and closing takes the pack by value.
unsafe impl Sync for Filling {}

/// One block's place in a pack.
pub struct Place {
    pack: Arc<Filling>,
    ordinal: u64,
    offset: usize,
    length: usize,
}

/// A block that is to be stored, and what it will open to.
pub struct Part<'a> {
    pub kind: u8,
    pub codec: u8,
    /// Plaintext bytes.
    pub plain: usize,
    /// Compressed or raw bytes.
    pub payload: usize,
    pub chunks: &'a [(Id, u32)],
}

impl Filling {
    pub fn new(
        mut buffer: Slot,
        epoch: &Epoch,
        lineage: &[u8; 16],
        class: u8,
        claim: [u8; 16],
    ) -> Filling {
        let salt = crate::crypto::random::<32>();
        let key = PackKey::new(epoch, lineage, &salt);
        buffer[..HEADER].copy_from_slice(&key.header.bytes);
        let contents =
            Contents { class, claim, domain: epoch.domain, blocks: vec![], chunks: vec![] };
        let inner = Mutex::new(Inner { used: HEADER, contents });
        Filling { buffer: UnsafeCell::new(buffer), inner, key, salt }
    }

    /// A place for a block; none when the pack has no room for it.
    pub fn reserve(self: &Arc<Filling>, part: &Part) -> Option<Place> {
        let mut inner = self.inner.lock().expect("no panic");
        let (blocks, chunks) = (&inner.contents.blocks, &inner.contents.chunks);
        let rows = (blocks.len() + 1) * BLOCK_ROW + (chunks.len() + part.chunks.len()) * CHUNK_ROW;
        let stored = part.payload + TAG;
        let many = chunks.len() + part.chunks.len() > PACK_CHUNKS;
        if many || inner.used + stored + CONTENTS_FIXED + rows + TAG + TAIL > FILL {
            return None;
        }
        let (ordinal, offset) = (blocks.len() as u64, inner.used);
        inner.used += stored;
        inner.contents.blocks.push(Block {
            offset: offset as u32,
            stored: stored as u32,
            plain: part.plain as u32,
            chunks: part.chunks.len() as u32,
            codec: part.codec,
            kind: part.kind,
        });
        inner.contents.chunks.extend_from_slice(part.chunks);
        Some(Place { pack: self.clone(), ordinal, offset, length: stored })
    }

    /// Seals contents and locator once every reservation is filled; the buffer, the stored length
    /// and what is in it.
    pub fn close(mut self: Arc<Filling>) -> (Slot, usize, Filled) {
        let own = loop {
            match Arc::try_unwrap(self) {
                Ok(own) => break own,
                Err(shared) => self = shared,
            }
            std::thread::yield_now();
        };
        let (mut buffer, key) = (own.buffer.into_inner(), own.key);
        let Inner { used, contents } = own.inner.into_inner().expect("no panic");
        let rows = contents.encode();
        let size = stored_size(used + rows.len() + TAG + TAIL);
        let end = size - TAIL - TAG;
        buffer[used..end].fill(0);
        buffer[used..used + rows.len()].copy_from_slice(&rows);
        let tag = key.seal(CONTENTS_COUNTER, used, &mut buffer[used..end]);
        buffer[end..end + TAG].copy_from_slice(&tag);
        let at = size - TAIL;
        buffer[at..at + 16].fill(0);
        buffer[at..at + 4].copy_from_slice(&(used as u32).to_le_bytes());
        buffer[at + 4..at + 8].copy_from_slice(&((end + TAG - used) as u32).to_le_bytes());
        let tag = key.seal(LOCATOR_COUNTER, 0, &mut buffer[at..at + 16]);
        buffer[at + 16..at + LOCATOR].copy_from_slice(&tag);
        buffer[size - HEADER..size].copy_from_slice(&key.header.bytes);
        let filled = Filled { salt: own.salt, commitment: key.key.commitment, contents };
        (buffer, size, filled)
    }
}

/// What a closed pack holds.
pub struct Filled {
    pub salt: [u8; 32],
    pub commitment: [u8; 32],
    pub contents: Contents,
}

impl Place {
    #[allow(clippy::mut_from_ref)]
    fn bytes(&self) -> &mut [u8] {
        // SAFETY: the range is this reservation's alone, lies within the buffer, and each method
        // lets go of it before it returns.
        unsafe {
            let start = (*self.pack.buffer.get()).as_mut_ptr().add(self.offset);
            std::slice::from_raw_parts_mut(start, self.length)
        }
    }

    /// Seals the payload where it will be stored.
    pub fn seal(&self, payload: &[u8]) {
        debug_assert_eq!(payload.len() + TAG, self.length);
        let (data, tag) = self.bytes().split_at_mut(payload.len());
        data.copy_from_slice(payload);
        tag.copy_from_slice(&self.pack.key.seal(self.ordinal, self.offset, data));
    }

    /// Opens a copy of what `seal` left there.
    pub fn open<'a>(&self, copy: &'a mut Vec<u8>) -> Result<&'a [u8]> {
        copy.clear();
        copy.extend_from_slice(self.bytes());
        Ok(self.pack.key.open(self.ordinal, self.offset, copy)?)
    }
}
