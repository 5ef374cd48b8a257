//! Packs: sealed blocks, sealed contents, a sealed locator, and the header at both ends.
//!
//! `header | blocks | contents (padded inside the seal) | locator | header`. Sizes are few: powers of
//! two from 4 KiB to 64 KiB, then multiples of 64 KiB up to `LIMIT`.

use crate::crypto::{same, ObjectKey, TAG};
use crate::error::{Error, Result};
use crate::keyring::{Epoch, Keyring};
use crate::object::{object_key, Header, Type, HEADER};

pub const LIMIT: usize = 16 << 20;
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
}

impl PackKey {
    pub fn new(epoch: &Epoch, lineage: &[u8; 16], salt: &[u8; 32]) -> PackKey {
        let key = object_key(Type::Pack, &epoch.key, lineage, salt);
        let header = Header::new(Type::Pack, salt, &key.commitment);
        PackKey { key, header, lineage: *lineage }
    }

    /// Finds the epoch whose commitment the header carries.
    pub fn find(ring: &Keyring, header: &Header) -> Result<PackKey> {
        let keys = ring.epochs.iter().map(|e| PackKey::new(e, &ring.lineage, header.salt()));
        keys.into_iter()
            .find(|k| same(&k.key.commitment, header.commitment()))
            .ok_or_else(|| Error::Damaged("pack is sealed under a key that is not here".into()))
    }

    fn seal(&self, counter: u64, offset: usize, data: &mut [u8]) -> [u8; TAG] {
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

/// Undoes a block's codec into exactly its stated length.
pub fn expand(codec: u8, plain: usize, payload: &[u8], out: &mut Vec<u8>) -> Result<()> {
    if plain > BLOCK_LIMIT {
        return Err(Error::Damaged(format!("block claims {plain} bytes")));
    }
    out.clear();
    match codec {
        0 => out.extend_from_slice(payload),
        1 => {
            out.reserve(plain);
            zstd::bulk::Decompressor::new()
                .and_then(|mut d| d.decompress_to_buffer(payload, out))
                .map_err(|e| Error::Damaged(format!("block does not decompress: {e}")))?;
        }
        _ => return Err(Error::Damaged(format!("block has unknown codec {codec}"))),
    }
    if out.len() != plain {
        return Err(Error::Damaged("block expands to another length than stated".into()));
    }
    Ok(())
}

pub struct Contents {
    pub class: u8,
    pub claim: [u8; 16],
    pub domain: [u8; 16],
    pub blocks: Vec<Block>,
    pub chunks: Vec<(Id, u32)>,
}

impl Contents {
    fn encode(&self) -> Vec<u8> {
        let size =
            CONTENTS_FIXED + self.blocks.len() * BLOCK_ROW + self.chunks.len() * CHUNK_ROW + 4;
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
            if part.iter().map(|(_, n)| u64::from(*n)).sum::<u64>() != u64::from(b.plain) {
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

/// A pack being filled. `buffer` has `LIMIT` bytes.
pub struct OpenPack {
    pub buffer: Vec<u8>,
    pub salt: [u8; 32],
    pub key: std::sync::Arc<PackKey>,
    pub used: usize,
    pub contents: Contents,
}

impl OpenPack {
    pub fn new(
        mut buffer: Vec<u8>,
        epoch: &Epoch,
        lineage: &[u8; 16],
        class: u8,
        claim: [u8; 16],
    ) -> OpenPack {
        let salt = crate::crypto::random::<32>();
        let key = PackKey::new(epoch, lineage, &salt);
        buffer.resize(LIMIT, 0);
        buffer[..HEADER].copy_from_slice(&key.header.bytes);
        let contents =
            Contents { class, claim, domain: epoch.domain, blocks: vec![], chunks: vec![] };
        OpenPack { buffer, salt, key: std::sync::Arc::new(key), used: HEADER, contents }
    }

    pub fn fits(&self, payload: usize, chunks: usize) -> bool {
        let rows = (self.contents.blocks.len() + 1) * BLOCK_ROW
            + (self.contents.chunks.len() + chunks) * CHUNK_ROW;
        self.used + payload + TAG + CONTENTS_FIXED + rows + TAG + TAIL <= LIMIT
    }

    /// Appends a block; returns its row. The caller has asked `fits`.
    pub fn add(
        &mut self,
        codec: u8,
        kind: u8,
        plain: usize,
        payload: &[u8],
        chunks: &[(Id, u32)],
    ) -> Block {
        let offset = self.used;
        let data = &mut self.buffer[offset..offset + payload.len()];
        data.copy_from_slice(payload);
        let tag = self.key.seal(self.contents.blocks.len() as u64, offset, data);
        self.buffer[offset + payload.len()..][..TAG].copy_from_slice(&tag);
        let stored = payload.len() + TAG;
        self.used += stored;
        let row = Block {
            offset: offset as u32,
            stored: stored as u32,
            plain: plain as u32,
            chunks: chunks.len() as u32,
            codec,
            kind,
        };
        self.contents.blocks.push(row);
        self.contents.chunks.extend_from_slice(chunks);
        row
    }

    /// Seals contents and locator; returns the stored length.
    pub fn close(&mut self) -> usize {
        let contents = self.contents.encode();
        let size = stored_size(self.used + contents.len() + TAG + TAIL);
        let (start, end) = (self.used, size - TAIL - TAG);
        self.buffer[start..end].fill(0);
        self.buffer[start..start + contents.len()].copy_from_slice(&contents);
        let tag = self.key.seal(CONTENTS_COUNTER, start, &mut self.buffer[start..end]);
        self.buffer[end..end + TAG].copy_from_slice(&tag);
        let at = size - TAIL;
        self.buffer[at..at + 16].fill(0);
        self.buffer[at..at + 4].copy_from_slice(&(start as u32).to_le_bytes());
        self.buffer[at + 4..at + 8].copy_from_slice(&((end + TAG - start) as u32).to_le_bytes());
        let tag = self.key.seal(LOCATOR_COUNTER, 0, &mut self.buffer[at..at + 16]);
        self.buffer[at + 16..at + LOCATOR].copy_from_slice(&tag);
        self.buffer[size - HEADER..size].copy_from_slice(&self.key.header.bytes);
        size
    }
}

/// Opens the contents of a whole pack in memory.
pub fn open_contents(ring: &Keyring, data: &[u8]) -> Result<(PackKey, Contents)> {
    if data.len() < HEADER + TAIL || data.len() > LIMIT || stored_size(data.len()) != data.len() {
        return Err(Error::Damaged(format!("pack of impossible length {}", data.len())));
    }
    let header = Header::parse(data, Type::Pack)?;
    if data[data.len() - HEADER..] != header.bytes {
        return Err(Error::Damaged("pack ends with another header than it begins with".into()));
    }
    let key = PackKey::find(ring, &header)?;
    let at = data.len() - TAIL;
    let mut locator = data[at..at + LOCATOR].to_vec();
    let plain = key.open(LOCATOR_COUNTER, 0, &mut locator)?;
    let word = |i: usize| u32::from_le_bytes(plain[i..i + 4].try_into().expect("4 bytes")) as usize;
    let (start, length) = (word(0), word(4));
    if start < HEADER || start + length != at || plain[8..16] != [0; 8] {
        return Err(Error::Damaged("pack locator points outside".into()));
    }
    let mut sealed = data[start..at].to_vec();
    let contents = Contents::decode(key.open(CONTENTS_COUNTER, start, &mut sealed)?)?;
    Ok((key, contents))
}
