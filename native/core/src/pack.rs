//! Packs: sealed blocks, sealed contents, a sealed locator, and the header at both ends.
//!
//! `header | blocks | contents (padded inside the seal) | locator | header`. Sizes are few: powers
//! of two from 4 KiB to 64 KiB, then multiples of 64 KiB up to `LIMIT`.

use crate::crypto::{same, ObjectKey, TAG};
use crate::error::{Error, Result};
use crate::keyring::{Epoch, Keyring};
use crate::object::{object_key, Header, Type, HEADER};

/// Most bytes of a pack that a reader takes.
pub const LIMIT: usize = 128 << 20;
/// Bytes that this writer fills a pack to at least, and in memory.
pub const FILL: usize = 16 << 20;
/// Packs that a repository has before its next ones are larger.
const MANY: u64 = 4096;
pub const LOCATOR: usize = 16 + TAG;
pub const TAIL: usize = LOCATOR + HEADER;
pub const CONTENTS_COUNTER: u64 = 1 << 32;
pub const LOCATOR_COUNTER: u64 = (1 << 32) + 1;
pub const CONTENTS_FIXED: usize = 48;
pub const BLOCK_ROW: usize = 20;
pub const CHUNK_ROW: usize = 36;
/// Most plaintext bytes of one block, and so the most a reader expands at once.
pub const BLOCK_LIMIT: usize = 4 << 20;

pub type Id = [u8; 32];
pub const HEADER_TYPE: Type = Type::Pack;

#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Block {
    pub offset: u32,
    pub stored: u32,
    pub plain: u32,
    pub chunks: u32,
    pub codec: u8,
    pub kind: u8,
}

pub fn stored_size(used: usize) -> usize {
    match used {
        0..=0x1_0000 => used.next_power_of_two().max(4096),
        _ => used.next_multiple_of(0x1_0000),
    }
}

/// Bytes that the next pack is filled to in a repository whose packs have so many: a power of two,
/// so that there are never more than some thousands of packs as long as `LIMIT` allows it.
pub fn fill(stored: u64) -> usize {
    let share = stored.div_ceil(MANY).min(LIMIT as u64) as usize;
    share.next_power_of_two().clamp(FILL, LIMIT)
}

fn aad(header: &Header, lineage: &[u8; 16], counter: u64, offset: u64, length: u32) -> [u8; 116] {
    let mut out = [0; 116];
    out[..80].copy_from_slice(&header.bytes);
    out[80..96].copy_from_slice(lineage);
    out[96..104].copy_from_slice(&counter.to_le_bytes());
    out[104..112].copy_from_slice(&offset.to_le_bytes());
    out[112..].copy_from_slice(&length.to_le_bytes());
    out
}

/// What opens the blocks of one pack.
pub struct PackKey {
    pub key: ObjectKey,
    pub header: Header,
    lineage: [u8; 16],
    domain: [u8; 16],
}

impl PackKey {
    pub fn new(epoch: &Epoch, lineage: &[u8; 16], salt: &[u8; 32]) -> PackKey {
        let key = object_key(Type::Pack, &epoch.key, lineage, salt);
        let header = Header::new(Type::Pack, salt, &key.commitment);
        PackKey { key, header, lineage: *lineage, domain: epoch.domain }
    }

    /// Finds the epoch whose commitment the header carries.
    pub fn find(ring: &Keyring, header: &Header) -> Result<PackKey> {
        let keys = ring.epochs.iter().map(|e| PackKey::new(e, &ring.lineage, header.salt()));
        keys.into_iter()
            .find(|k| same(&k.key.commitment, header.commitment()))
            .ok_or_else(|| Error::Damaged("pack is sealed under a key that is not here".into()))
    }

    pub fn seal(&self, counter: u64, offset: usize, data: &mut [u8]) -> [u8; TAG] {
        let aad = aad(&self.header, &self.lineage, counter, offset as u64, data.len() as u32);
        self.key.seal(counter, &aad, data)
    }

    /// Opens ciphertext and tag that lie at `offset` of the pack, in place.
    pub fn open<'a>(
        &self,
        counter: u64,
        offset: usize,
        data: &'a mut [u8],
    ) -> Result<&'a mut [u8]> {
        if data.len() < TAG {
            return Err(Error::Damaged("sealed part shorter than its tag".into()));
        }
        let length = (data.len() - TAG) as u32;
        let aad = aad(&self.header, &self.lineage, counter, offset as u64, length);
        self.key.open(counter, &aad, data)
    }
}

pub struct Contents {
    pub class: u8,
    pub claim: [u8; 16],
    pub domain: [u8; 16],
    pub blocks: Vec<Block>,
    pub chunks: Vec<(Id, u32)>,
}

impl Contents {
    pub fn encode(&self) -> Vec<u8> {
        let size = CONTENTS_FIXED + self.blocks.len() * BLOCK_ROW + self.chunks.len() * CHUNK_ROW;
        let mut out = Vec::with_capacity(size);
        out.extend_from_slice(&[self.class, 0, 0, 0]);
        out.extend_from_slice(&self.claim);
        out.extend_from_slice(&self.domain);
        out.extend_from_slice(&(self.blocks.len() as u32).to_le_bytes());
        out.extend_from_slice(&(self.chunks.len() as u32).to_le_bytes());
        out.extend_from_slice(&0u32.to_le_bytes());
        for b in &self.blocks {
            put_block(&mut out, b);
        }
        self.chunks.iter().for_each(|(id, _)| out.extend_from_slice(id));
        self.chunks.iter().for_each(|(_, n)| out.extend_from_slice(&n.to_le_bytes()));
        out
    }

    pub fn decode(data: &[u8]) -> Result<Contents> {
        let bad = || Error::Damaged("pack contents are malformed".into());
        if data.len() < CONTENTS_FIXED || data[1..4] != [0; 3] {
            return Err(bad());
        }
        let word = |at: usize| u32::from_le_bytes(data[at..at + 4].try_into().expect("4 bytes"));
        let (blocks, chunks) = (word(36) as usize, word(40) as usize);
        let rows = CONTENTS_FIXED + blocks.checked_mul(BLOCK_ROW).ok_or_else(bad)?;
        let size = rows + chunks.checked_mul(CHUNK_ROW).ok_or_else(bad)?;
        if word(44) != 0 || data.len() < size || data[size..].iter().any(|b| *b != 0) {
            return Err(bad());
        }
        if data[0] > 1 {
            return Err(Error::Newer(format!("pack is of unknown class {}", data[0])));
        }
        let lengths = rows + chunks * 32;
        let out = Contents {
            class: data[0],
            claim: data[4..20].try_into().expect("16 bytes"),
            domain: data[20..36].try_into().expect("16 bytes"),
            blocks: (0..blocks)
                .map(|i| get_block(&data[CONTENTS_FIXED + i * BLOCK_ROW..]))
                .collect::<Result<_>>()?,
            chunks: (0..chunks)
                .map(|i| {
                    (
                        data[rows + i * 32..][..32].try_into().expect("32 bytes"),
                        word(lengths + i * 4),
                    )
                })
                .collect(),
        };
        let mut at = 0usize;
        for b in &out.blocks {
            let part = out.chunks.get(at..at + b.chunks as usize).ok_or_else(bad)?;
            let sum = part.iter().map(|(_, n)| u64::from(*n)).sum::<u64>();
            let classed = (b.kind == 0) == (out.class == 0);
            if sum != u64::from(b.plain) || part.iter().any(|(_, n)| *n == 0) || !classed {
                return Err(bad());
            }
            at += part.len();
        }
        if at != out.chunks.len() {
            return Err(bad());
        }
        Ok(out)
    }
}

pub fn put_block(out: &mut Vec<u8>, b: &Block) {
    for n in [b.offset, b.stored, b.plain, b.chunks] {
        out.extend_from_slice(&n.to_le_bytes());
    }
    out.extend_from_slice(&[b.codec, b.kind, 0, 0]);
}

pub fn get_block(d: &[u8]) -> Result<Block> {
    let word = |at: usize| u32::from_le_bytes(d[at..at + 4].try_into().expect("4 bytes"));
    let b = Block {
        offset: word(0),
        stored: word(4),
        plain: word(8),
        chunks: word(12),
        codec: d[16],
        kind: d[17],
    };
    let fits = b.offset as usize >= HEADER && b.offset as usize + b.stored as usize <= LIMIT;
    if !fits || b.kind > 2 || b.codec > 1 || d[18..20] != [0, 0] || b.plain as usize > BLOCK_LIMIT {
        return Err(Error::Damaged("block row is malformed".into()));
    }
    Ok(b)
}

/// Opens the locator in the last `TAIL` bytes of a pack of this length; says where the contents
/// begin that end before it.
pub fn locate(ring: &Keyring, length: usize, tail: &[u8]) -> Result<(PackKey, usize)> {
    let possible = (HEADER + TAIL..=LIMIT).contains(&length) && stored_size(length) == length;
    if !possible || tail.len() != TAIL {
        return Err(Error::Damaged(format!("pack of impossible length {length}")));
    }
    let key = PackKey::find(ring, &Header::parse(&tail[LOCATOR..], Type::Pack)?)?;
    let mut locator = tail[..LOCATOR].to_vec();
    let plain = key.open(LOCATOR_COUNTER, 0, &mut locator)?;
    let word = |i: usize| u32::from_le_bytes(plain[i..i + 4].try_into().expect("4 bytes")) as usize;
    let (start, sealed) = (word(0), word(4));
    if start < HEADER || start + sealed != length - TAIL || plain[8..16] != [0; 8] {
        return Err(Error::Damaged("pack locator points outside".into()));
    }
    Ok((key, start))
}

/// Opens the sealed contents that lie at `start` of a pack of this length.
pub fn contents_at(
    key: &PackKey,
    length: usize,
    start: usize,
    sealed: &mut [u8],
) -> Result<Contents> {
    let contents = Contents::decode(key.open(CONTENTS_COUNTER, start, sealed)?)?;
    let rows = contents.blocks.len() * BLOCK_ROW + contents.chunks.len() * CHUNK_ROW;
    let size = stored_size(start + CONTENTS_FIXED + rows + TAG + TAIL);
    if size != length || contents.domain != key.domain {
        return Err(Error::Damaged("pack of another size or domain than its contents say".into()));
    }
    // Blocks lie one after the other from the header to the contents: no byte is outside a seal.
    let mut next = HEADER;
    for b in &contents.blocks {
        if b.offset as usize != next {
            return Err(Error::Damaged("pack has a gap or an overlap between its blocks".into()));
        }
        next += b.stored as usize;
    }
    if next != start {
        return Err(Error::Damaged("pack has a gap before its contents".into()));
    }
    Ok(contents)
}
