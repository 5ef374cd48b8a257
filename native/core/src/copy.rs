//! Copying what is needed out of packs that are to go: into new packs, by the packs' own contents.

use crate::error::{Error, Result};
use crate::expand::Expander;
use crate::fetch::Fetch;
use crate::id_set::IdSet;
use crate::index::Indexed;
use crate::keyring::Keyring;
use crate::object::Header;
use crate::pack::{Block, Id, PackKey, HEADER_TYPE};
use crate::worker::Worker;

/// Whether a chunk has to be brought to safety.
fn wanted(worker: &Worker, needed: &IdSet, id: &Id) -> bool {
    needed.contains(id) && !worker.chunks.holds(id)
}

/// Plaintext bytes of a pack's chunks that would be copied.
pub fn weight(pack: &Indexed, wanted: &dyn Fn(&Id) -> bool) -> u64 {
    let rows = pack.chunks.iter().filter(|(id, _)| wanted(id));
    rows.map(|(_, length)| u64::from(*length)).sum()
}

/// Hands every needed chunk of a pack that no trusted pack holds to the worker.
pub fn pack(
    ring: &Keyring,
    fetch: &dyn Fetch,
    worker: &mut Worker,
    needed: &IdSet,
    source: &Indexed,
) -> Result<()> {
    let row = &source.pack;
    let name = row.name();
    let key = PackKey::find(ring, &Header::new(HEADER_TYPE, &row.salt, &row.commitment))?;
    let (mut expander, mut sealed) = (Expander::default(), Vec::new());
    let mut chunks = source.chunks.iter();
    for (ordinal, block) in source.blocks.iter().enumerate() {
        let own: Vec<&(Id, u32)> = chunks.by_ref().take(block.chunks as usize).collect();
        if !own.iter().any(|(id, _)| wanted(worker, needed, id)) {
            continue;
        }
        sealed.resize(block.stored as usize, 0);
        fetch.fetch(&name, u64::from(block.offset), &mut sealed)?;
        let payload = key.open(ordinal as u64, block.offset as usize, &mut sealed)?;
        let plain = expander.expand(block.codec, block.plain as usize, payload)?;
        take(worker, needed, &name, block, &own, plain)?;
    }
    Ok(())
}

fn take(
    worker: &mut Worker,
    needed: &IdSet,
    name: &str,
    block: &Block,
    own: &[&(Id, u32)],
    plain: &[u8],
) -> Result<()> {
    let mut at = 0;
    for (id, length) in own {
        let chunk = &plain[at..at + *length as usize];
        at += chunk.len();
        if !wanted(worker, needed, id) {
            continue;
        }
        if worker.chunk(block.kind, chunk)? != *id {
            return Err(Error::Damaged(format!(
                "pack {name}: a chunk holds other bytes than its id says"
            )));
        }
    }
    Ok(())
}
