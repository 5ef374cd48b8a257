//! Scrubbing a pack: its name, every seal, every chunk id. It is read from one end to the other, a
//! window at a time, whatever its size.

use crate::crypto::same;
use crate::error::{Error, Result};
use crate::expand::Expander;
use crate::fetch::Fetch;
use crate::keyring::Keyring;
use crate::object::{hex, HEADER};
use crate::pack::{contents_at, locate, LIMIT, TAIL};

/// Bytes that are read at once: a pack of so many is read whole.
const WINDOW: usize = 16 << 20;

/// Opens everything in a stored pack of this length; returns how many chunks it holds.
pub fn pack(ring: &Keyring, fetch: &dyn Fetch, name: &str, length: usize) -> Result<usize> {
    if length > LIMIT {
        return Err(Error::Damaged(format!("pack {name} has {length} bytes, above the limit")));
    }
    let mut stored = Stored::new(fetch, name, length);
    stored.fill(0)?;
    stored.compare()?;
    let (tail_at, mut tail) = (length.saturating_sub(TAIL), vec![0; TAIL.min(length)]);
    stored.ahead(tail_at, &mut tail)?;
    let (key, start) = locate(ring, length, &tail)?;
    let mut sealed = vec![0; tail_at - start];
    stored.ahead(start, &mut sealed)?;
    let contents = contents_at(&key, length, start, &mut sealed)?;
    if stored.part(0, HEADER)? != key.header.bytes {
        return Err(Error::Damaged("pack ends with another header than it begins with".into()));
    }
    let domain = ring.domains.iter().find(|d| d.id == contents.domain);
    let domain =
        domain.ok_or_else(|| Error::Damaged(format!("pack {name} is of an unknown domain")))?;
    let mut chunks = contents.chunks.iter();
    let mut expander = Expander::default();
    for (ordinal, b) in contents.blocks.iter().enumerate() {
        let sealed = stored.part(b.offset as usize, b.stored as usize)?;
        let payload = key.open(ordinal as u64, b.offset as usize, sealed)?;
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
    while stored.end() < length {
        stored.fill(stored.end())?;
    }
    stored.compare()?;
    Ok(contents.chunks.len())
}

/// A pack that is read in order; every byte is hashed once, as it is read.
struct Stored<'a> {
    fetch: &'a dyn Fetch,
    name: &'a str,
    length: usize,
    /// Where in the pack the window begins.
    start: usize,
    window: Vec<u8>,
    hasher: blake3::Hasher,
}

impl<'a> Stored<'a> {
    fn new(fetch: &'a dyn Fetch, name: &'a str, length: usize) -> Stored<'a> {
        Stored { fetch, name, length, start: 0, window: vec![], hasher: blake3::Hasher::new() }
    }

    fn end(&self) -> usize {
        self.start + self.window.len()
    }

    /// Moves the window on to this offset, and reads what it has room for.
    fn fill(&mut self, offset: usize) -> Result<()> {
        self.window.drain(..offset - self.start);
        self.start = offset;
        let had = self.window.len();
        let more = (self.length - self.end()).min(WINDOW - had);
        self.window.resize(had + more, 0);
        let (at, new) = ((offset + had) as u64, &mut self.window[had..]);
        if !new.is_empty() {
            self.fetch.fetch(self.name, at, new)?;
        }
        self.hasher.update(new);
        Ok(())
    }

    /// Where all was read: whether it is what the name says.
    fn compare(&self) -> Result<()> {
        let all = self.end() == self.length;
        if all && !self.name.starts_with(&hex(self.hasher.finalize().as_bytes())) {
            let name = self.name;
            let message = format!("pack {name} does not hold the bytes its name says");
            return Err(Error::Damaged(message));
        }
        Ok(())
    }

    /// A copy of what may lie beyond the window.
    fn ahead(&self, offset: usize, out: &mut [u8]) -> Result<()> {
        if offset + out.len() > self.end() {
            return self.fetch.fetch(self.name, offset as u64, out);
        }
        out.copy_from_slice(&self.window[offset - self.start..][..out.len()]);
        Ok(())
    }

    /// The next part, which begins no earlier than the one before it.
    fn part(&mut self, offset: usize, length: usize) -> Result<&mut [u8]> {
        if offset + length > self.end() {
            self.fill(offset)?;
        }
        let at = offset - self.start;
        self.window
            .get_mut(at..at + length)
            .ok_or_else(|| Error::Damaged(format!("pack {}: a block is too large", self.name)))
    }
}
