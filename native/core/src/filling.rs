//! A pack being filled by several workers: each reserves its place under a lock and seals its block
//! there without one.

use crate::crypto::TAG;
use crate::error::Result;
use crate::keyring::Epoch;
use crate::object::HEADER;
use crate::pack::{
    stored_size, Block, Contents, Id, PackKey, BLOCK_ROW, CHUNK_ROW, CONTENTS_COUNTER,
    CONTENTS_FIXED, LOCATOR, LOCATOR_COUNTER, TAIL,
};
use crate::slot::Slot;
use crate::spool::Spool;
use std::cell::UnsafeCell;
use std::sync::{Arc, Mutex};

/// Chunks of one pack at most, so that its contents are never larger than its blocks need.
const PACK_CHUNKS: usize = 1 << 16;

/// Where a pack lies until the store has it.
pub enum Ground {
    Memory(Slot),
    Disk(Spool),
}

/// Bytes of a pack on a disk that are looked at together.
const WINDOW: usize = 1 << 20;

impl Ground {
    fn write(&mut self, data: &[u8], offset: usize) -> Result<()> {
        match self {
            Ground::Memory(slot) => slot[offset..offset + data.len()].copy_from_slice(data),
            Ground::Disk(spool) => spool.write(data, offset as u64)?,
        }
        Ok(())
    }

    /// The hash of the first so many bytes.
    pub fn hash(&self, length: usize) -> Result<Id> {
        let spool = match self {
            Ground::Memory(slot) => return Ok(*blake3::hash(&slot[..length]).as_bytes()),
            Ground::Disk(spool) => spool,
        };
        let (mut hasher, mut window) = (blake3::Hasher::new(), vec![0; WINDOW]);
        for offset in (0..length).step_by(WINDOW) {
            let part = &mut window[..WINDOW.min(length - offset)];
            spool.read(part, offset as u64)?;
            hasher.update(part);
        }
        Ok(*hasher.finalize().as_bytes())
    }
}

pub struct Filling {
    /// Every byte belongs to one reservation, or to whoever closes the pack.
    ground: UnsafeCell<Ground>,
    /// Bytes that the pack is filled to.
    size: usize,
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
        mut ground: Ground,
        size: usize,
        epoch: &Epoch,
        lineage: &[u8; 16],
        class: u8,
        claim: [u8; 16],
    ) -> Result<Filling> {
        let salt = crate::crypto::random::<32>();
        let key = PackKey::new(epoch, lineage, &salt);
        ground.write(&key.header.bytes, 0)?;
        let contents =
            Contents { class, claim, domain: epoch.domain, blocks: vec![], chunks: vec![] };
        let inner = Mutex::new(Inner { used: HEADER, contents });
        Ok(Filling { ground: UnsafeCell::new(ground), size, inner, key, salt })
    }

    /// A place for a block; none when the pack has no room for it.
    pub fn reserve(self: &Arc<Filling>, part: &Part) -> Option<Place> {
        let mut inner = self.inner.lock().expect("no panic");
        let (blocks, chunks) = (&inner.contents.blocks, &inner.contents.chunks);
        let rows = (blocks.len() + 1) * BLOCK_ROW + (chunks.len() + part.chunks.len()) * CHUNK_ROW;
        let stored = part.payload + TAG;
        let many = chunks.len() + part.chunks.len() > PACK_CHUNKS;
        if many || inner.used + stored + CONTENTS_FIXED + rows + TAG + TAIL > self.size {
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

    /// Seals contents and locator once every reservation is filled; where the pack lies, its stored
    /// length and what is in it.
    pub fn close(mut self: Arc<Filling>) -> Result<(Ground, usize, Filled)> {
        let own = loop {
            match Arc::try_unwrap(self) {
                Ok(own) => break own,
                Err(shared) => self = shared,
            }
            std::thread::yield_now();
        };
        let (mut ground, key) = (own.ground.into_inner(), own.key);
        let Inner { used, contents } = own.inner.into_inner().expect("no panic");
        let mut tail = contents.encode();
        let size = stored_size(used + tail.len() + TAG + TAIL);
        let end = size - TAIL - TAG - used;
        tail.resize(end, 0);
        let tag = key.seal(CONTENTS_COUNTER, used, &mut tail);
        tail.extend_from_slice(&tag);
        let mut locator = [0; LOCATOR - TAG];
        locator[..4].copy_from_slice(&(used as u32).to_le_bytes());
        locator[4..8].copy_from_slice(&(tail.len() as u32).to_le_bytes());
        let tag = key.seal(LOCATOR_COUNTER, 0, &mut locator);
        tail.extend_from_slice(&locator);
        tail.extend_from_slice(&tag);
        tail.extend_from_slice(&key.header.bytes);
        ground.write(&tail, used)?;
        let filled = Filled { salt: own.salt, commitment: key.key.commitment, contents };
        Ok((ground, size, filled))
    }
}

/// What a closed pack holds.
pub struct Filled {
    pub salt: [u8; 32],
    pub commitment: [u8; 32],
    pub contents: Contents,
}

impl Place {
    fn ground(&self) -> &Ground {
        // SAFETY: nobody has it alone before the pack is closed, which waits for every place.
        unsafe { &*self.pack.ground.get() }
    }

    #[allow(clippy::mut_from_ref)]
    fn bytes(&self, slot: &Slot) -> &mut [u8] {
        // SAFETY: the range is this reservation's alone, lies within the slot, and each method
        // lets go of it before it returns.
        unsafe { std::slice::from_raw_parts_mut(slot.start().add(self.offset), self.length) }
    }

    /// Seals a block's payload where it will be stored: `raw`, or else what is in `packed`, which
    /// is used up.
    pub fn seal(&self, raw: Option<&[u8]>, packed: &mut Vec<u8>) -> Result<()> {
        let key = &self.pack.key;
        debug_assert_eq!(raw.map_or(packed.len(), <[u8]>::len) + TAG, self.length);
        match self.ground() {
            Ground::Memory(slot) => {
                let (data, tag) = self.bytes(slot).split_at_mut(self.length - TAG);
                data.copy_from_slice(raw.unwrap_or(&packed[..]));
                tag.copy_from_slice(&key.seal(self.ordinal, self.offset, data));
                Ok(())
            }
            Ground::Disk(spool) => {
                if let Some(raw) = raw {
                    packed.clear();
                    packed.reserve_exact(self.length);
                    packed.extend_from_slice(raw);
                }
                let tag = key.seal(self.ordinal, self.offset, packed);
                packed.extend_from_slice(&tag);
                spool.write(packed, self.offset as u64)
            }
        }
    }

    /// Opens a copy of what `seal` left there.
    pub fn open<'a>(&self, copy: &'a mut Vec<u8>) -> Result<&'a [u8]> {
        copy.clear();
        match self.ground() {
            Ground::Memory(slot) => copy.extend_from_slice(self.bytes(slot)),
            Ground::Disk(spool) => {
                copy.resize(self.length, 0);
                spool.read(copy, self.offset as u64)?;
            }
        }
        Ok(self.pack.key.open(self.ordinal, self.offset, copy)?)
    }
}
