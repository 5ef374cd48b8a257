//! What a prune asks of an index, and its two jobs: to mark what is needed, and to copy it.

use crate::bridge::throw;
use crate::jobs::Run;
use crate::keys::{fixed, sealed, Keyring, Sealed};
use crate::table::{pack_name, Contents, Index};
use holdall_core::copy;
use holdall_core::error::Result as CoreResult;
use holdall_core::index::encode;
use holdall_core::mark::{Marked, Marking};
use holdall_core::merge::merge;
use holdall_core::object::{hex, Type};
use holdall_core::usage::usage;
use holdall_core::worker::{Chunks, Worker};
use napi::bindgen_prelude::*;
use napi_derive::napi;
use std::sync::atomic::Ordering;
use std::sync::Arc;

/// What marked chunks need of each listed pack, column by column.
#[napi(object)]
pub struct Usage {
    pub names: Vec<String>,
    pub lengths: Vec<f64>,
    /// Stored bytes of all blocks.
    pub held: Vec<f64>,
    /// Of these what marked chunks take.
    pub used: Vec<f64>,
}

#[napi]
impl Index {
    /// How much of each listed pack is needed by what was marked.
    #[napi]
    pub fn usage(&self) -> Usage {
        let rows = usage(&self.sealed(), &self.needed);
        Usage {
            lengths: rows.iter().map(|u| f64::from(u.length)).collect(),
            held: rows.iter().map(|u| u.held as f64).collect(),
            used: rows.iter().map(|u| u.used as f64).collect(),
            names: rows.into_iter().map(|u| u.name).collect(),
        }
    }

    /// Lets copy jobs save what is needed of this pack; returns how many bytes that are.
    #[napi]
    pub fn leave(&self, contents: &Contents) -> f64 {
        let table = self.sealed();
        let wanted = |id: &[u8; 32]| self.needed.contains(id) && !table.has(id);
        let weight = copy::weight(&contents.own, &wanted);
        if weight > 0 {
            self.leaving.lock().expect("no panic").push(contents.own.clone());
        }
        weight as f64
    }

    /// Names of all packs that runs speak of.
    #[napi]
    pub fn named(&self) -> Vec<String> {
        let mut names: Vec<String> = self.sealed().packs.iter().map(|p| p.name()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// New runs that say what all these say of every pack but the dropped ones.
    #[napi(catch_unwind)]
    pub fn merge(
        &self,
        keyring: &Keyring,
        claim: Buffer,
        dropped: Vec<String>,
    ) -> Result<Vec<Sealed>> {
        let claim = fixed(&claim)?;
        let dropped = dropped.iter().filter_map(|name| pack_name(name)).collect();
        let ring = keyring.ring.lock().expect("no panic");
        let parts = merge(&self.sealed(), &dropped).into_iter();
        let seal = parts.map(|part| {
            let id = holdall_core::crypto::random();
            let run = encode(&claim, &part.domain, &part.packs);
            Ok(sealed(&id, ring.seal(Type::Index, &id, &run).map_err(throw)?))
        });
        seal.collect()
    }
}

impl Run {
    /// Everything that the roots need is marked in the index.
    pub(crate) fn mark(&self) -> CoreResult<String> {
        let reader = self.reader()?;
        let cancelled = || self.counts.cancelled.load(Ordering::Relaxed);
        let (needed, marked) = (&*self.needed, Marked::default());
        let mut marking = Marking { reader: &reader, needed, cancelled: &cancelled, marked };
        marking.pages(&self.spec.roots)?;
        marking.hints(&self.spec.hints)?;
        let Marked { chunks, bytes, lacking, lost, example } = marking.marked;
        let example = example.map_or(String::new(), |id| hex(&id));
        Ok(format!(
            "{{\"chunks\":{chunks},\"bytes\":{bytes},\"lacking\":{lacking},\"lost\":{lost},\
             \"example\":\"{example}\"}}"
        ))
    }

    /// What is marked and lies in packs that leave is stored again; it is durable on return.
    pub(crate) fn copy(&self) -> CoreResult<String> {
        let sink = self.sink()?;
        let table = self.table.clone();
        let chunks =
            Arc::new(Chunks::new(sink.clone(), table, Arc::default(), self.spec.level, false)?);
        let mut worker = Worker::new(chunks)?;
        let fetch = self.fetch();
        for source in self.leaving.lock().expect("no panic").iter() {
            copy::pack(&self.ring, &*fetch, &mut worker, &self.needed, source)?;
        }
        worker.finish()?;
        sink.finish()?;
        let copied = worker.chunks.new_bytes.load(Ordering::Relaxed);
        let stored = sink.stored.load(Ordering::Relaxed);
        Ok(format!("{{\"copied\":{copied},\"stored\":{stored}}}"))
    }
}
