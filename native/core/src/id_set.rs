//! Chunk ids that a job stores or snapshots need: 16 bytes of each, in shards that lock apart.
//!
//! Ids are keyed hashes that nobody outside can choose, so 128 bits of them never meet by chance
//! (10^12 chunks: one in 10^14), and a first backup of a terabyte needs half the memory.

use crate::pack::Id;
use std::sync::Mutex;

const SHARDS: usize = 64;

#[derive(Default)]
struct Shard {
    slots: Vec<u128>,
    used: usize,
}

pub struct IdSet {
    shards: Vec<Mutex<Shard>>,
}

impl Default for IdSet {
    fn default() -> IdSet {
        IdSet { shards: (0..SHARDS).map(|_| Mutex::default()).collect() }
    }
}

impl IdSet {
    /// True for the one caller that brought this id.
    pub fn insert(&self, id: &Id) -> bool {
        let (key, shard) = self.of(id);
        shard.lock().expect("no panic").insert(key)
    }

    pub fn contains(&self, id: &Id) -> bool {
        let (key, shard) = self.of(id);
        let shard = shard.lock().expect("no panic");
        !shard.slots.is_empty() && shard.slots[shard.find(key)] == key
    }

    fn of(&self, id: &Id) -> (u128, &Mutex<Shard>) {
        // Zero marks a free slot; no id needs it for itself.
        let key = u128::from_le_bytes(id[..16].try_into().expect("16 bytes")).max(1);
        (key, &self.shards[usize::from(id[31]) % SHARDS])
    }
}

impl Shard {
    fn insert(&mut self, key: u128) -> bool {
        if (self.used + 1) * 4 > self.slots.len() * 3 {
            let larger = vec![0; (self.slots.len() * 2).max(64)];
            let old = std::mem::replace(&mut self.slots, larger);
            for key in old.into_iter().filter(|k| *k != 0) {
                let at = self.find(key);
                self.slots[at] = key;
            }
        }
        let at = self.find(key);
        let new = self.slots[at] == 0;
        self.slots[at] = key;
        self.used += usize::from(new);
        new
    }

    /// The slot of a key, or the free one where it belongs.
    fn find(&self, key: u128) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = key as usize & mask;
        while self.slots[at] != 0 && self.slots[at] != key {
            at = (at + 1) & mask;
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_is_new_once() {
        let set = IdSet::default();
        let id = |n: u32| *blake3::hash(&n.to_le_bytes()).as_bytes();
        assert!((0..20_000).all(|n| !set.contains(&id(n)) && set.insert(&id(n))));
        assert!((0..20_000).all(|n| set.contains(&id(n)) && !set.insert(&id(n))));
        assert!(set.insert(&[0; 32]) && !set.insert(&[0; 32]));
    }
}
