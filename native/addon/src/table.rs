//! The index as an object of JavaScript: where every chunk is, filled from runs, shared with jobs.

use crate::bridge::throw;
use crate::keys::{fixed, sealed, upload, Keyring, Sealed};
use holdall_core::id_set::IdSet;
use holdall_core::index::{encode, expand, Indexed, Listed, PackName, PackRow, Present, Table};
use holdall_core::map::{keep, Bytes, Map};
use holdall_core::object::{hex, Type};
use holdall_core::pack::{contents_at, locate};
use napi::bindgen_prelude::*;
use napi_derive::napi;
use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex};

#[napi]
pub struct Index {
    table: Mutex<Arc<Table>>,
    present: Present,
    /// Chunks that mark jobs reached.
    pub(crate) needed: Arc<IdSet>,
    /// Chunks that ingest jobs stored: what one unit of a backup brought, the next finds.
    pub(crate) claimed: Arc<IdSet>,
    /// Packs of which copy jobs save what is needed.
    pub(crate) leaving: Arc<Mutex<Vec<Indexed>>>,
}

/// A bare object name as bytes; what is no name is never found.
pub(crate) fn pack_name(name: &str) -> Option<PackName> {
    let byte = |i: usize| u8::from_str_radix(name.get(i * 2..i * 2 + 2)?, 16).ok();
    let hash: Vec<u8> = (0..32).map(byte).collect::<Option<_>>()?;
    Some((hash.try_into().ok()?, upload(name).ok()?))
}

#[napi]
impl Index {
    /// `names` and `lengths` list the packs that exist: what lies elsewhere is not believed. What
    /// lies in the `doubted` ones can be read, and is brought again by whoever writes.
    #[napi(constructor)]
    pub fn new(names: Vec<String>, lengths: Vec<f64>, doubted: Option<Vec<String>>) -> Index {
        let doubted: HashSet<String> = doubted.unwrap_or_default().into_iter().collect();
        let listed =
            |name: &String, n| Listed { length: n as u64, trusted: !doubted.contains(name) };
        let rows = names.iter().zip(lengths);
        let present = rows.filter_map(|(name, n)| Some((pack_name(name)?, listed(name, n))));
        Index {
            table: Mutex::default(),
            present: present.collect(),
            needed: Arc::default(),
            claimed: Arc::default(),
            leaving: Arc::default(),
        }
    }

    /// Adds one sealed index run; `cache` is the file that is to keep it opened.
    #[napi(catch_unwind)]
    pub fn add(
        &self,
        keyring: &Keyring,
        name: String,
        bytes: Buffer,
        cache: Option<String>,
    ) -> Result<()> {
        let ring = keyring.ring.lock().expect("no panic");
        let sealed = ring.open(Type::Index, &upload(&name)?, &bytes).map_err(throw)?;
        drop(ring);
        let run = expand(&sealed).map_err(throw)?;
        // A cache that cannot be written is only slower.
        let kept = cache.and_then(|path| {
            keep(Path::new(&path), &run).ok()?;
            Map::open(Path::new(&path)).ok()
        });
        self.take(kept.map_or(Bytes::Owned(run), Bytes::Mapped), &self.present)
    }

    /// Adds one run from the cache; false when there is no whole file of it.
    #[napi(catch_unwind)]
    pub fn add_cached(&self, cache: String) -> Result<bool> {
        match Map::open(Path::new(&cache)) {
            Ok(map) => Ok(self.take(Bytes::Mapped(map), &self.present).is_ok()),
            Err(_) => Ok(false),
        }
    }

    /// Adds a pack by its own contents: what a lost or unreadable run said. Until a run says it
    /// again, nothing new is to rely on a `doubted` one.
    #[napi(catch_unwind)]
    pub fn add_contents(&self, contents: &Contents, doubted: bool) -> Result<()> {
        let run = encode(&contents.claim, &contents.domain, std::slice::from_ref(&contents.own));
        let name = contents.own.pack.key();
        let listed = self.present.get(&name).copied();
        let own = listed.map(|l| (name, Listed { trusted: l.trusted && !doubted, ..l }));
        self.take(Bytes::Owned(expand(&run).map_err(throw)?), &own.into_iter().collect())
    }

    /// Names of packs that exist and that no run speaks of.
    #[napi]
    pub fn unlisted(&self) -> Vec<String> {
        let table = self.table.lock().expect("no panic");
        let listed: HashSet<PackName> = table.packs.iter().map(PackRow::key).collect();
        let rest = self.present.keys().filter(|key| !listed.contains(*key));
        rest.map(|(hash, upload)| format!("{}-{}", hex(hash), hex(upload))).collect()
    }

    fn take(&self, run: Bytes, present: &Present) -> Result<()> {
        let mut table = self.table.lock().expect("no panic");
        let own = Arc::get_mut(&mut table)
            .ok_or_else(|| Error::from_reason("invalid: the index is in use"))?;
        own.add(run, present).map_err(throw)
    }

    /// The table for a job.
    pub(crate) fn sealed(&self) -> Arc<Table> {
        let mut table = self.table.lock().expect("no panic");
        // In use means that it was sealed when the first job took it.
        if let Some(own) = Arc::get_mut(&mut table) {
            own.seal();
        }
        table.clone()
    }

    #[napi(getter)]
    pub fn chunks(&self) -> f64 {
        self.sealed().chunks() as f64
    }

    /// Names of packs that runs speak of but the listing did not have with that length.
    #[napi]
    pub fn missing(&self) -> Vec<String> {
        self.table.lock().expect("no panic").missing().map(PackRow::name).collect()
    }
}

/// The opened contents of one pack.
#[napi]
pub struct Contents {
    claim: [u8; 16],
    domain: [u8; 16],
    pub(crate) own: Indexed,
}

#[napi]
impl Contents {
    /// Where the contents of a pack of this length begin, from its last 112 bytes; they end there.
    #[napi(catch_unwind)]
    pub fn start(keyring: &Keyring, length: u32, tail: Buffer) -> Result<u32> {
        let ring = keyring.ring.lock().expect("no panic");
        let (_, start) = locate(&ring, length as usize, &tail).map_err(throw)?;
        Ok(start as u32)
    }

    /// Opens them: `sealed` is what lies from the start to the last 112 bytes.
    #[napi(factory, catch_unwind)]
    pub fn open(
        keyring: &Keyring,
        name: String,
        length: u32,
        tail: Buffer,
        sealed: Buffer,
    ) -> Result<Contents> {
        let pack = pack_name(&name)
            .ok_or_else(|| Error::from_reason(format!("damaged: {name} is not a pack's name")))?;
        let ring = keyring.ring.lock().expect("no panic");
        let (key, start) = locate(&ring, length as usize, &tail).map_err(throw)?;
        let mut bytes = sealed.to_vec();
        let found = contents_at(&key, length as usize, start, &mut bytes).map_err(throw)?;
        let (claim, domain) = (found.claim, found.domain);
        Ok(Contents { claim, domain, own: Indexed::new(pack, &key, length, found) })
    }

    /// The pack's bare name.
    #[napi(getter)]
    pub fn name(&self) -> String {
        self.own.pack.name()
    }

    /// The domain whose chunks it holds, in hexadecimal.
    #[napi(getter)]
    pub fn domain(&self) -> String {
        hex(&self.domain)
    }

    /// The claim that the pack was made under, in hexadecimal.
    #[napi(getter)]
    pub fn claim(&self) -> String {
        hex(&self.claim)
    }
}

/// Seals one index run that speaks of these packs of one domain, under a claim of now.
#[napi(catch_unwind)]
pub fn seal_run(
    keyring: &Keyring,
    claim: Buffer,
    packs: Vec<ClassInstance<Contents>>,
) -> Result<Sealed> {
    let id = holdall_core::crypto::random();
    let domain = packs.first().map_or([0; 16], |p| p.domain);
    let own: Vec<Indexed> = packs.iter().map(|p| p.own.clone()).collect();
    let run = encode(&fixed(&claim)?, &domain, &own);
    let ring = keyring.ring.lock().expect("no panic");
    let bytes = ring.seal(Type::Index, &id, &run).map_err(throw)?;
    Ok(sealed(&id, bytes))
}
