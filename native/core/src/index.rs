//! Index runs (immutable, sorted by chunk id) and the table over all of them.
//!
//! Resident: eleven bytes a chunk (a slot of 24 bits of tag and 40 of row number), and the runs
//! themselves, mapped from the private cache where there is one, in memory where there is none.

use crate::error::Result;
use crate::map::Bytes;
use crate::object::hex;
use crate::pack::{put_block, Block, Contents, Id, PackKey, BLOCK_ROW};
use crate::run::{block_rows, malformed, pack_row, word, Run};
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

    pub fn key(&self) -> PackName {
        (self.hash, self.upload)
    }
}

/// A pack's name as bytes: hash and upload id.
pub type PackName = (Id, [u8; 16]);

/// A pack as a listing showed it: its stored length, and whether anything may rely on it.
#[derive(Clone, Copy)]
pub struct Listed {
    pub length: u64,
    pub trusted: bool,
}

/// The packs that a listing showed: the truth that runs only hint at.
pub type Present = HashMap<PackName, Listed>;

/// What a listing says of a pack that a run speaks of.
#[derive(Clone, Copy, PartialEq)]
pub enum Standing {
    /// Not listed with the recorded length: it holds nothing.
    Absent,
    /// Condemned: it can be read, and nothing new may rely on it.
    Condemned,
    Trusted,
}

/// A pack with everything that says where its chunks lie.
#[derive(Clone)]
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

impl Indexed {
    /// What a pack's own contents say of it.
    pub fn new((hash, upload): PackName, key: &PackKey, length: u32, contents: Contents) -> Self {
        let (salt, commitment) = (*key.header.salt(), *key.header.commitment());
        let pack = PackRow { hash, upload, salt, commitment, length };
        Indexed { pack, blocks: contents.blocks, chunks: contents.chunks }
    }
}

/// The plaintext of an opened run: what the cache keeps and the table is made of.
pub fn expand(run: &[u8]) -> Result<Vec<u8>> {
    let head = run.get(..4).ok_or_else(malformed)?;
    let size = u32::from_le_bytes(head.try_into().expect("4 bytes")) as usize;
    if !(RUN_FIXED..=RUN_LIMIT).contains(&size) {
        return Err(malformed());
    }
    let data = zstd::bulk::decompress(&run[4..], size).map_err(|_| malformed())?;
    if data.len() != size {
        return Err(malformed());
    }
    Ok(data)
}

/// Everything known of where chunks are.
#[derive(Default)]
pub struct Table {
    pub packs: Vec<PackRow>,
    pub standings: Vec<Standing>,
    /// Pack, ordinal in it, block.
    pub(crate) blocks: Vec<(u32, u32, Block)>,
    pub(crate) runs: Vec<Run>,
    rows: u64,
    slots: Vec<u64>,
    used: u64,
    /// Whether a condemned pack is among them.
    doubtful: bool,
}

#[derive(Clone, Copy)]
pub struct Place {
    pub pack: u32,
    pub ordinal: u32,
    pub block: Block,
    pub offset: u32,
    pub length: u32,
}

const ROW: u64 = 0xff_ffff_ffff;

impl Table {
    /// Takes in the plaintext of a run. Nothing is found in it before `seal`.
    pub fn add(&mut self, data: Bytes, present: &Present) -> Result<()> {
        if data.len() < RUN_FIXED {
            return Err(malformed());
        }
        let [np, nb, nr] = [32, 36, 40].map(|at| word(&data, at) as usize);
        let blocks = RUN_FIXED + np * PACK_ROW;
        let ids = blocks + nb * (4 + BLOCK_ROW);
        let columns = ids + nr * 32;
        if data.len() != columns + nr * 12 {
            return Err(malformed());
        }
        let rows = (0..np).map(|i| pack_row(&data[RUN_FIXED + i * PACK_ROW..][..PACK_ROW]));
        let packs: Vec<PackRow> = rows.collect();
        let pack_base = self.packs.len() as u32;
        let block_rows = block_rows(&data[blocks..ids], np as u32, pack_base)?;
        let block = self.blocks.len() as u32;
        let end = block + block_rows.len() as u32;
        let run = Run { row: self.rows, block, end, rows: nr, ids, columns, data };
        for row in 0..nr {
            let [block, offset, length] = run.place(row);
            let (_, _, b) = block_rows.get(block as usize).ok_or_else(malformed)?;
            if row > 0 && run.id(row - 1) > run.id(row) {
                return Err(malformed());
            }
            if u64::from(offset) + u64::from(length) > u64::from(b.plain) {
                return Err(malformed());
            }
        }
        self.standings.extend(packs.iter().map(|p| match present.get(&p.key()) {
            Some(l) if l.length != u64::from(p.length) => Standing::Absent,
            Some(l) if l.trusted => Standing::Trusted,
            Some(_) => Standing::Condemned,
            None => Standing::Absent,
        }));
        self.packs.extend(packs);
        self.blocks.extend(block_rows);
        self.rows += nr as u64;
        self.runs.push(run);
        self.slots.clear();
        Ok(())
    }

    /// Builds the slots over all runs, if something was added since. Of several places of one chunk
    /// the first in a trusted pack counts, or else the first; an absent pack holds nothing.
    pub fn seal(&mut self) {
        if !self.slots.is_empty() {
            return;
        }
        self.slots = vec![0; (self.rows as usize * 4 / 3).max(64)];
        self.used = 0;
        self.doubtful = self.standings.contains(&Standing::Condemned);
        self.fill(Standing::Trusted);
        if self.doubtful {
            self.fill(Standing::Condemned);
        }
    }

    fn fill(&mut self, standing: Standing) {
        for r in 0..self.runs.len() {
            let run = &self.runs[r];
            for row in 0..run.rows {
                let id = run.id(row);
                if self.standing(run, row) != standing {
                    continue;
                }
                if let Err(free) = self.find(id) {
                    self.slots[free] = tag(id) | (run.row + row as u64 + 1);
                    self.used += 1;
                }
            }
        }
    }

    fn standing(&self, run: &Run, row: usize) -> Standing {
        let (pack, _, _) = self.blocks[(run.block + run.place(row)[0]) as usize];
        self.standings[pack as usize]
    }

    /// The row of a chunk as (run, row in it), or the free slot where it would be.
    pub(crate) fn find(&self, id: &Id) -> std::result::Result<(&Run, usize), usize> {
        let length = self.slots.len();
        let mut at = home(id, length);
        loop {
            let slot = self.slots[at];
            if slot == 0 {
                return Err(at);
            }
            if slot & !ROW == tag(id) {
                let number = (slot & ROW) - 1;
                let run = &self.runs[self.runs.partition_point(|r| r.row <= number) - 1];
                let row = (number - run.row) as usize;
                if run.id(row) == id {
                    return Ok((run, row));
                }
            }
            at = if at + 1 == length { 0 } else { at + 1 };
        }
    }

    /// Chunks that can be found.
    pub fn chunks(&self) -> u64 {
        self.used
    }

    /// Packs that runs speak of but the listing did not have with that length.
    pub fn missing(&self) -> impl Iterator<Item = &PackRow> {
        let both = self.packs.iter().zip(&self.standings);
        both.filter(|(_, standing)| **standing == Standing::Absent).map(|(p, _)| p)
    }

    /// Plaintext bytes that each pack holds.
    pub fn pack_bytes(&self) -> Vec<u64> {
        let mut sums = vec![0; self.packs.len()];
        self.blocks.iter().for_each(|(pack, _, b)| sums[*pack as usize] += u64::from(b.plain));
        sums
    }

    /// Whether a trusted pack holds the chunk.
    pub fn has(&self, id: &Id) -> bool {
        let trusted = |(run, row)| !self.doubtful || self.standing(run, row) == Standing::Trusted;
        !self.slots.is_empty() && self.find(id).is_ok_and(trusted)
    }

    pub fn place(&self, id: &Id) -> Option<Place> {
        if self.slots.is_empty() {
            return None;
        }
        let (run, row) = self.find(id).ok()?;
        let [block, offset, length] = run.place(row);
        let (pack, ordinal, block) = self.blocks[(run.block + block) as usize];
        Some(Place { pack, ordinal, block, offset, length })
    }
}

/// Where a chunk's search begins: its id's first bytes, spread over the slots without a division.
fn home(id: &Id, slots: usize) -> usize {
    let first = u64::from_le_bytes(id[..8].try_into().expect("8 bytes"));
    ((u128::from(first) * slots as u128) >> 64) as usize
}

fn tag(id: &Id) -> u64 {
    u64::from_le_bytes(id[8..16].try_into().expect("8 bytes")) & !ROW
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u32) -> Id {
        *blake3::hash(&n.to_le_bytes()).as_bytes()
    }

    fn indexed(first: u32, count: u32) -> Indexed {
        let pack = PackRow {
            hash: id(first),
            upload: [1; 16],
            salt: [2; 32],
            commitment: [3; 32],
            length: 4096,
        };
        let block =
            Block { offset: 80, stored: 100, plain: count * 10, chunks: count, codec: 0, kind: 0 };
        let chunks = (first..first + count).map(|n| (id(n), 10)).collect();
        Indexed { pack, blocks: vec![block], chunks }
    }

    fn table(runs: &[Vec<Indexed>], present: &Present) -> Table {
        let mut table = Table::default();
        for run in runs {
            let data = expand(&encode(&[0; 16], &[0; 16], run)).expect("it was just encoded");
            table.add(Bytes::Owned(data), present).expect("a good run");
        }
        table.seal();
        table
    }

    #[test]
    fn chunks_are_found_in_packs_that_are_listed_and_only_there() {
        let runs = [vec![indexed(0, 1000)], vec![indexed(1000, 1000)], vec![indexed(500, 10)]];
        let listed = |length| Listed { length, trusted: true };
        let mut present = Present::new();
        present.insert((id(0), [1; 16]), listed(4096));
        present.insert((id(500), [1; 16]), listed(4096));
        present.insert((id(1000), [1; 16]), listed(4095));
        let table = table(&runs, &present);
        assert_eq!(table.chunks(), 1000);
        for n in 0..1000 {
            let place = table.place(&id(n)).expect("listed");
            assert_eq!((place.pack, place.offset, place.length), (0, n * 10, 10));
        }
        assert!((1000..3000).all(|n| !table.has(&id(n))));
        assert_eq!(table.missing().count(), 1);
    }

    #[test]
    fn a_condemned_pack_is_read_and_not_relied_on() {
        let mut present = Present::new();
        present.insert((id(0), [1; 16]), Listed { length: 4096, trusted: false });
        present.insert((id(5), [1; 16]), Listed { length: 4096, trusted: true });
        let table = table(&[vec![indexed(0, 10)], vec![indexed(5, 10)]], &present);
        assert!((0..5).all(|n| !table.has(&id(n)) && table.place(&id(n)).is_some()));
        assert!((5..15).all(|n| table.has(&id(n)) && table.place(&id(n)).unwrap().pack == 1));
    }

    #[test]
    fn a_row_outside_its_block_is_refused() {
        let mut data = expand(&encode(&[0; 16], &[0; 16], &[indexed(0, 3)])).expect("encoded");
        let last = data.len() - 4;
        data[last..].copy_from_slice(&11u32.to_le_bytes());
        assert!(Table::default().add(Bytes::Owned(data), &Present::new()).is_err());
    }
}
