//! How much of each pack the marked chunks need.

use crate::id_set::IdSet;
use crate::index::{PackName, Standing, Table};
use crate::run::Run;
use std::collections::HashMap;

/// One pack that is there.
pub struct Usage {
    pub name: String,
    pub length: u32,
    /// Stored bytes of all its blocks.
    pub held: u64,
    /// Stored bytes that marked chunks take, as far as chunks of one block can be told apart.
    pub used: u64,
}

/// Every listed pack that runs speak of. A chunk in several packs counts where it is read from.
pub fn usage(table: &Table, needed: &IdSet) -> Vec<Usage> {
    let mut found: HashMap<PackName, Usage> = HashMap::new();
    let held = held(table);
    for (at, row) in table.packs.iter().enumerate() {
        if table.standings[at] != Standing::Absent {
            let usage = Usage { name: row.name(), length: row.length, held: held[at], used: 0 };
            found.entry(row.key()).or_insert(usage);
        }
    }
    for run in &table.runs {
        for row in 0..run.rows {
            let id = run.id(row);
            let here = |(r, at): (&Run, usize)| r.row == run.row && at == row;
            if !needed.contains(id) || !table.find(id).is_ok_and(here) {
                continue;
            }
            let [block, _, length] = run.place(row);
            let (pack, _, block) = table.blocks[(run.block + block) as usize];
            if let Some(usage) = found.get_mut(&table.packs[pack as usize].key()) {
                let stored = u64::from(length) * u64::from(block.stored);
                // Rounded up: a pack of many small chunks, all needed, must not look half empty.
                usage.used += stored.div_ceil(u64::from(block.plain).max(1));
            }
        }
    }
    found.into_values().collect()
}

fn held(table: &Table) -> Vec<u64> {
    let mut held = vec![0; table.packs.len()];
    for (pack, _, block) in &table.blocks {
        held[*pack as usize] += u64::from(block.stored);
    }
    held
}
