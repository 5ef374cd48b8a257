//! One opened index run: its rows, column by column.

use crate::error::{Error, Result};
use crate::index::PackRow;
use crate::map::Bytes;
use crate::pack::{get_block, Block, Id, BLOCK_ROW};

pub fn malformed() -> Error {
    Error::Damaged("index run is malformed".into())
}

pub fn word(data: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(data[at..at + 4].try_into().expect("4 bytes"))
}

pub struct Run {
    pub data: Bytes,
    /// Number of the run's first row in the table.
    pub row: u64,
    /// Numbers of its first block and of the one after its last.
    pub block: u32,
    pub end: u32,
    pub rows: usize,
    /// Where ids and columns begin.
    pub ids: usize,
    pub columns: usize,
}

impl Run {
    pub fn id(&self, row: usize) -> &Id {
        self.data[self.ids + row * 32..][..32].try_into().expect("32 bytes")
    }

    /// Block in the run, offset in the block, length.
    pub fn place(&self, row: usize) -> [u32; 3] {
        [0, 1, 2].map(|c| word(&self.data, self.columns + (c * self.rows + row) * 4))
    }
}

pub fn pack_row(d: &[u8]) -> PackRow {
    let part = |at: usize| -> [u8; 32] { d[at..at + 32].try_into().expect("32 bytes") };
    let upload = d[32..48].try_into().expect("16 bytes");
    PackRow { hash: part(0), upload, salt: part(48), commitment: part(80), length: word(d, 112) }
}

/// Rows of (pack, ordinal in it, block); a pack's blocks follow one another.
pub fn block_rows(data: &[u8], packs: u32, base: u32) -> Result<Vec<(u32, u32, Block)>> {
    let (mut ordinal, mut last) = (0, u32::MAX);
    let row = |d: &[u8]| {
        let pack = word(d, 0);
        if pack >= packs {
            return Err(malformed());
        }
        ordinal = if pack == last { ordinal + 1 } else { 0 };
        last = pack;
        Ok((base + pack, ordinal, get_block(&d[4..])?))
    };
    data.chunks_exact(4 + BLOCK_ROW).map(row).collect()
}
