//! Index runs (immutable, sorted by chunk id) and the in-memory table they are loaded into.

use crate::error::{Error, Result};
use crate::object::hex;
use crate::pack::{get_block, put_block, Block, Id, BLOCK_ROW};
use std::collections::HashMap;

pub const RUN_FIXED: usize = 44;
pub const PACK_ROW: usize = 116;
pub const ID_ROW: usize = 44;
/// Most plaintext bytes of one run.
pub const RUN_LIMIT: usize = 256 << 20;

#[derive(Clone)]
pub struct PackRow {
    pub hash: Id,
    pub upload: [u8; 16],
    pub salt: [u8; 32],
    pub commitment: [u8; 32],
    pub length: u32,
}

impl PackRow {
    pub fn name(&self) -> String {
        format!("{}-{}", hex(&self.hash), hex(&self.upload))
    }
}

/// A pack with everything that says where its chunks lie.
pub struct Indexed {
    pub pack: PackRow,
    pub blocks: Vec<Block>,
    pub chunks: Vec<(Id, u32)>,
}

/// Encodes one run; the result is still to be sealed as a record.
pub fn encode(claim: &[u8; 16], domain: &[u8; 16], packs: &[Indexed]) -> Vec<u8> {
    let mut rows: Vec<(Id, u32, u32, u32)> = Vec::new();
    let (mut heads, mut blocks, mut count) = (Vec::new(), Vec::new(), 0u32);
    for (p, indexed) in packs.iter().enumerate() {
        let row = &indexed.pack;
        for part in
            [&row.hash[..], &row.upload, &row.salt, &row.commitment, &row.length.to_le_bytes()]
        {
            heads.extend_from_slice(part);
        }
        let mut chunks = indexed.chunks.iter();
        for b in &indexed.blocks {
            blocks.extend_from_slice(&(p as u32).to_le_bytes());
            put_block(&mut blocks, b);
            let mut offset = 0;
            for (id, length) in chunks.by_ref().take(b.chunks as usize) {
                rows.push((*id, count, offset, *length));
                offset += length;
            }
            count += 1;
        }
    }
    rows.sort_unstable();
    let mut out = Vec::with_capacity(RUN_FIXED + heads.len() + blocks.len() + rows.len() * ID_ROW);
    out.extend_from_slice(claim);
    out.extend_from_slice(domain);
    for n in [packs.len(), count as usize, rows.len()] {
        out.extend_from_slice(&(n as u32).to_le_bytes());
    }
    out.extend_from_slice(&heads);
    out.extend_from_slice(&blocks);
    rows.iter().for_each(|r| out.extend_from_slice(&r.0));
    rows.iter().for_each(|r| out.extend_from_slice(&r.1.to_le_bytes()));
    rows.iter().for_each(|r| out.extend_from_slice(&r.2.to_le_bytes()));
    rows.iter().for_each(|r| out.extend_from_slice(&r.3.to_le_bytes()));
    let packed = zstd::bulk::compress(&out, 3).expect("zstd compresses");
    let mut run = (out.len() as u32).to_le_bytes().to_vec();
    run.extend_from_slice(&packed);
    run
}

pub struct Row {
    pub id: Id,
    pub block: u32,
    pub offset: u32,
    pub length: u32,
}

/// Everything known of where chunks are. Slots are 24 bits of tag and 40 of row number + 1.
#[derive(Default)]
pub struct Table {
    pub packs: Vec<PackRow>,
    pub blocks: Vec<(u32, u32, Block)>,
    pub rows: Vec<Row>,
    slots: Vec<u64>,
}

#[derive(Clone, Copy)]
pub struct Place {
    pub pack: u32,
    pub ordinal: u32,
    pub block: Block,
    pub offset: u32,
    pub length: u32,
}

impl Table {
    /// Adds the opened plaintext of a run, but only what lies in packs of `present` (name to stored
    /// length): a run is a hint, the listing of packs is the truth.
    pub fn add_run(&mut self, run: &[u8], present: &HashMap<String, u64>) -> Result<()> {
        let bad = || Error::Damaged("index run is malformed".into());
        let size =
            u32::from_le_bytes(run.get(..4).ok_or_else(bad)?.try_into().expect("4 bytes")) as usize;
        if !(RUN_FIXED..=RUN_LIMIT).contains(&size) {
            return Err(bad());
        }
        let data = zstd::bulk::decompress(&run[4..], size).map_err(|_| bad())?;
        if data.len() != size {
            return Err(bad());
        }
        let word = |at: usize| u32::from_le_bytes(data[at..at + 4].try_into().expect("4 bytes"));
        let [np, nb, nr] = [32, 36, 40].map(|at| word(at) as usize);
        let blocks = RUN_FIXED + np * PACK_ROW;
        let ids = blocks + nb * (4 + BLOCK_ROW);
        let columns = ids + nr * 32;
        if size != columns + nr * 12 {
            return Err(bad());
        }
        let (pack_base, block_base) = (self.packs.len() as u32, self.blocks.len() as u32);
        let mut usable = Vec::with_capacity(np);
        for i in 0..np {
            let d = &data[RUN_FIXED + i * PACK_ROW..][..PACK_ROW];
            let part = |a: usize| -> [u8; 32] { d[a..a + 32].try_into().expect("32 bytes") };
            let pack = PackRow {
                hash: part(0),
                upload: d[32..48].try_into().expect("16 bytes"),
                salt: part(48),
                commitment: part(80),
                length: word(RUN_FIXED + i * PACK_ROW + 112),
            };
            usable.push(present.get(&pack.name()) == Some(&u64::from(pack.length)));
            self.packs.push(pack);
        }
        let (mut ordinal, mut last) = (0, u32::MAX);
        for i in 0..nb {
            let at = blocks + i * (4 + BLOCK_ROW);
            let pack = word(at);
            ordinal = if pack == last { ordinal + 1 } else { 0 };
            last = pack;
            if pack as usize >= np {
                return Err(bad());
            }
            self.blocks.push((pack_base + pack, ordinal, get_block(&data[at + 4..])?));
        }
        for i in 0..nr {
            let [block, offset, length] = [0, 1, 2].map(|c| word(columns + (c * nr + i) * 4));
            let Some((pack, _, b)) = self.blocks.get((block_base + block) as usize) else {
                return Err(bad());
            };
            if u64::from(offset) + u64::from(length) > u64::from(b.plain) {
                return Err(bad());
            }
            if usable[(pack - pack_base) as usize] {
                let id = data[ids + i * 32..][..32].try_into().expect("32 bytes");
                self.insert(Row { id, block: block_base + block, offset, length });
            }
        }
        Ok(())
    }

    fn insert(&mut self, row: Row) {
        if (self.rows.len() + 1) * 4 > self.slots.len() * 3 {
            self.grow();
        }
        if self.find(&row.id).is_none() {
            let at = self.free(&row.id);
            self.slots[at] = tag(&row.id) | (self.rows.len() as u64 + 1);
            self.rows.push(row);
        }
    }

    fn grow(&mut self) {
        self.slots = vec![0; (self.slots.len() * 2).max(1024)];
        for i in 0..self.rows.len() {
            let id = self.rows[i].id;
            let at = self.free(&id);
            self.slots[at] = tag(&id) | (i as u64 + 1);
        }
    }

    fn free(&self, id: &Id) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = home(id) & mask;
        while self.slots[at] != 0 {
            at = (at + 1) & mask;
        }
        at
    }

    fn find(&self, id: &Id) -> Option<&Row> {
        if self.slots.is_empty() {
            return None;
        }
        let mask = self.slots.len() - 1;
        let mut at = home(id) & mask;
        while self.slots[at] != 0 {
            let row = (self.slots[at] & 0xff_ffff_ffff) as usize - 1;
            if self.slots[at] >> 40 == tag(id) >> 40 && self.rows[row].id == *id {
                return Some(&self.rows[row]);
            }
            at = (at + 1) & mask;
        }
        None
    }

    pub fn has(&self, id: &Id) -> bool {
        self.find(id).is_some()
    }

    pub fn place(&self, id: &Id) -> Option<Place> {
        self.find(id).map(|row| {
            let (pack, ordinal, block) = self.blocks[row.block as usize];
            Place { pack, ordinal, block, offset: row.offset, length: row.length }
        })
    }
}

fn home(id: &Id) -> usize {
    u64::from_le_bytes(id[..8].try_into().expect("8 bytes")) as usize
}

fn tag(id: &Id) -> u64 {
    u64::from_le_bytes(id[8..16].try_into().expect("8 bytes")) & !0xff_ffff_ffff
}
