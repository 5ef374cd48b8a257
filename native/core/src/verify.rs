//! Scrubbing a whole pack: its name, every seal, every chunk id.

use crate::crypto::same;
use crate::error::{Error, Result};
use crate::expand::Expander;
use crate::keyring::Keyring;
use crate::object::hex;
use crate::pack::open_contents;

/// Opens everything in a stored pack; returns how many chunks it holds.
pub fn pack(ring: &Keyring, name: &str, data: &[u8]) -> Result<usize> {
    if !name.starts_with(&hex(blake3::hash(data).as_bytes())) {
        return Err(Error::Damaged(format!("pack {name} does not hold the bytes its name says")));
    }
    let (key, contents) = open_contents(ring, data)?;
    let domain = ring.domains.iter().find(|d| d.id == contents.domain);
    let domain =
        domain.ok_or_else(|| Error::Damaged(format!("pack {name} is of an unknown domain")))?;
    let mut chunks = contents.chunks.iter();
    let mut expander = Expander::default();
    for (ordinal, b) in contents.blocks.iter().enumerate() {
        let end = b.offset as usize + b.stored as usize;
        let part = data
            .get(b.offset as usize..end)
            .ok_or_else(|| Error::Damaged(format!("pack {name} is cut short")))?;
        let mut sealed = part.to_vec();
        let payload = key.open(ordinal as u64, b.offset as usize, &mut sealed)?;
        let plain = expander.expand(b.codec, b.plain as usize, payload)?;
        let mut at = 0;
        for (id, length) in chunks.by_ref().take(b.chunks as usize) {
            let chunk = &plain[at..at + *length as usize];
            at += chunk.len();
            if !same(blake3::keyed_hash(&domain.ids[b.kind as usize], chunk).as_bytes(), id) {
                return Err(Error::Damaged(format!(
                    "pack {name}: a chunk holds other bytes than its id says"
                )));
            }
        }
    }
    Ok(contents.chunks.len())
}
