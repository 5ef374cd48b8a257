//! Several index runs made one: what they say of each pack, once.

use crate::index::{Indexed, PackName, Table};
use crate::pack::Id;
use crate::run::Run;
use std::collections::{BTreeMap, HashSet};

/// Rows of one merged run at most: it is sorted and sealed in memory.
const MOST_ROWS: usize = 1 << 20;

/// Packs of one domain for one new run.
pub struct Part {
    pub domain: [u8; 16],
    pub packs: Vec<Indexed>,
}

/// What all runs of a table say of all packs but those dropped, in parts for one run each.
pub fn merge(table: &Table, dropped: &HashSet<PackName>) -> Vec<Part> {
    let mut seen = HashSet::new();
    let mut domains: BTreeMap<[u8; 16], Vec<Indexed>> = BTreeMap::new();
    for run in &table.runs {
        let domain = run.data[16..32].try_into().expect("16 bytes");
        let fresh = packs(table, run).into_iter().filter(|p| {
            let name = p.pack.key();
            !dropped.contains(&name) && seen.insert(name)
        });
        domains.entry(domain).or_default().extend(fresh);
    }
    let mut parts = Vec::new();
    for (domain, packs) in domains {
        let mut rows = MOST_ROWS;
        for pack in packs {
            if rows + pack.chunks.len() > MOST_ROWS {
                parts.push(Part { domain, packs: vec![] });
                rows = 0;
            }
            rows += pack.chunks.len();
            parts.last_mut().expect("just pushed").packs.push(pack);
        }
    }
    parts
}

/// What one run says of each of its packs, as the packs' contents said it.
fn packs(table: &Table, run: &Run) -> Vec<Indexed> {
    let mut rows: Vec<([u32; 3], usize)> = (0..run.rows).map(|r| (run.place(r), r)).collect();
    rows.sort_unstable();
    let mut rows = rows.into_iter().peekable();
    let mut out: Vec<(u32, Indexed)> = Vec::new();
    for number in 0..run.end - run.block {
        let (pack, _, block) = table.blocks[(run.block + number) as usize];
        if out.last().is_none_or(|(p, _)| *p != pack) {
            let row = table.packs[pack as usize].clone();
            out.push((pack, Indexed { pack: row, blocks: vec![], chunks: vec![] }));
        }
        let own = &mut out.last_mut().expect("just pushed").1;
        own.blocks.push(block);
        while let Some(([_, _, length], row)) = rows.next_if(|r| r.0[0] == number) {
            let chunk: (Id, u32) = (*run.id(row), length);
            own.chunks.push(chunk);
        }
    }
    out.into_iter().map(|(_, indexed)| indexed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::{encode, expand, Listed, PackRow, Present};
    use crate::map::Bytes;
    use crate::pack::Block;

    fn indexed(first: u8, chunks: u8) -> Indexed {
        let id = |n: u8| *blake3::hash(&[n]).as_bytes();
        let pack = PackRow {
            hash: id(first),
            upload: [first; 16],
            salt: [2; 32],
            commitment: [3; 32],
            length: 4096,
        };
        let block = |offset| Block {
            offset,
            stored: 116,
            plain: u32::from(chunks) * 10,
            chunks: u32::from(chunks),
            codec: 0,
            kind: 0,
        };
        let chunks = (first..first + 2 * chunks).map(|n| (id(n), 10)).collect();
        Indexed { pack, blocks: vec![block(80), block(196)], chunks }
    }

    #[test]
    fn packs_come_back_as_they_went_in_each_once_and_not_the_dropped() {
        let runs = [vec![indexed(0, 3), indexed(20, 1)], vec![indexed(40, 2), indexed(0, 3)]];
        let mut present = Present::new();
        present.insert(indexed(0, 3).pack.key(), Listed { length: 4096, trusted: true });
        let mut table = Table::default();
        for run in &runs {
            let data = expand(&encode(&[0; 16], &[7; 16], run)).expect("just encoded");
            table.add(Bytes::Owned(data), &present).expect("a good run");
        }
        let dropped = HashSet::from([indexed(20, 1).pack.key()]);
        let parts = merge(&table, &dropped);
        assert_eq!(parts.len(), 1);
        assert_eq!(parts[0].domain, [7; 16]);
        let one = encode(&[9; 16], &[7; 16], &parts[0].packs);
        assert_eq!(one, encode(&[9; 16], &[7; 16], &[indexed(0, 3), indexed(40, 2)]));
    }
}
