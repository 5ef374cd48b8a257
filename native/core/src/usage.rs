//! How much of each pack the marked chunks need.

use crate::id_set::IdSet;
use crate::index::{PackName, Standing, Table};
use std::collections::HashMap;

/// One pack that is there.
pub struct Usage {
    pub name: String,
    pub length: u32,
    pub trusted: bool,
    /// Stored bytes that marked chunks take, as far as chunks of one block can be told apart.
    pub used: u64,
}

/// Every listed pack that runs speak of. A chunk in several packs counts where it is read from.
pub fn usage(table: &Table, needed: &IdSet) -> Vec<Usage> {
    let mut found: HashMap<PackName, Usage> = HashMap::new();
    for (row, standing) in table.packs.iter().zip(&table.standings) {
        if *standing != Standing::Absent {
            let trusted = *standing == Standing::Trusted;
            let usage = Usage { name: row.name(), length: row.length, trusted, used: 0 };
            found.entry(row.key()).or_insert(usage);
        }
    }
    for run in &table.runs {
        for row in 0..run.rows {
            let id = run.id(row);
            let here = |(r, at): (&crate::index::Run, usize)| r.row == run.row && at == row;
            if !needed.contains(id) || !table.find(id).is_ok_and(here) {
                continue;
            }
            let [block, _, length] = run.place(row);
            let (pack, _, block) = table.blocks[(run.block + block) as usize];
            if let Some(usage) = found.get_mut(&table.packs[pack as usize].key()) {
                let stored = u64::from(length) * u64::from(block.stored);
                usage.used += stored / u64::from(block.plain).max(1);
            }
        }
    }
    found.into_values().collect()
}
