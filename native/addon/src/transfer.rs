//! Jobs between two repositories: what one lacks, and bringing it over.

use crate::bridge::{Bridge, Callback};
use crate::jobs::{roots_json, Job};
use crate::keys::Keyring;
use crate::spec::{own, JobSpec, Own};
use crate::table::{pack_name, Index};
use holdall_core::carry;
use holdall_core::error::{Error as CoreError, Result as CoreResult};
use holdall_core::gather::Gather;
use holdall_core::index::Table;
use holdall_core::keyring::Keyring as Ring;
use holdall_core::reader::Reader;
use holdall_core::survey;
use holdall_core::worker::Chunks;
use napi::bindgen_prelude::*;
use napi_derive::napi;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

struct Transfer {
    spec: Own,
    bridge: Arc<Bridge>,
    from: (Arc<Ring>, Arc<Table>),
    to: (Arc<Ring>, Arc<Table>),
    read: Arc<AtomicU64>,
    chunks: Arc<OnceLock<Arc<Chunks>>>,
}

/// Starts a job that reads one repository (`from`) and writes another (`to`).
#[napi(catch_unwind)]
pub fn transfer(
    from: &Keyring,
    from_index: &Index,
    to: &Keyring,
    to_index: &Index,
    spec: JobSpec,
    #[napi(ts_arg_type = "(event: JobEvent) => void")] callback: Callback,
) -> Result<Job> {
    let bridge = Bridge::new(callback);
    let ring = |keyring: &Keyring| Arc::new(keyring.ring.lock().expect("no panic").clone());
    let run = Transfer {
        spec: own(spec)?,
        bridge: bridge.clone(),
        from: (ring(from), from_index.sealed()),
        to: (ring(to), to_index.sealed()),
        read: Arc::default(),
        chunks: Arc::default(),
    };
    let (read, chunks) = (run.read.clone(), run.chunks.clone());
    let progress = Box::new(move || {
        let get = |n: &AtomicU64| n.load(Ordering::Relaxed) as f64;
        let (new, stored) =
            chunks.get().map_or((0.0, 0.0), |c| (get(&c.new_bytes), get(&c.sink.stored)));
        vec![get(&read), new, stored]
    });
    let job = Job::new(bridge, Arc::default(), progress);
    job.begin(move || run.run());
    Ok(job)
}

impl Transfer {
    fn run(&self) -> CoreResult<String> {
        match self.spec.verb.as_str() {
            "survey" => self.survey(),
            "carry" => self.carry(),
            _ => self.remake(),
        }
    }

    fn reader(&self, other: bool) -> CoreResult<Reader> {
        let (folder, (ring, table)) = match other {
            true => (&self.spec.other_folder, &self.from),
            false => (&self.spec.folder, &self.to),
        };
        let fetch = self.bridge.fetch(folder, other);
        Reader::new(ring.clone(), table.clone(), fetch)
    }

    /// Columns, one row for each pack that something is needed of.
    fn survey(&self) -> CoreResult<String> {
        let (reader, spec) = (self.reader(true)?, &self.spec);
        let same = self.from.0.lineage == self.to.0.lineage;
        let held = |id: &[u8; 32]| match self.bridge.cancelled.load(Ordering::Relaxed) {
            true => Err(CoreError::Cancelled),
            false => Ok(same && self.to.1.has(id)),
        };
        let needs = survey::needs(&reader, &spec.roots, &spec.others, &held)?;
        let rows: Vec<String> = needs
            .iter()
            .map(|n| {
                let pack = &reader.table.packs[n.pack as usize];
                let (name, length) = (pack.name(), pack.length);
                let survey::Need { chunks, bytes, whole, stored, blocks, .. } = n;
                format!("[\"{name}\",{length},{chunks},{bytes},{whole},{stored},{blocks}]")
            })
            .collect();
        Ok(format!("[{}]", rows.join(",")))
    }

    fn gather(&self) -> CoreResult<Gather> {
        let (ring, table) = self.to.clone();
        let spec = &self.spec;
        let sink = self.bridge.open_sink(ring, spec.claim, spec.packing())?;
        let chunks = Arc::new(Chunks::new(sink, table, Arc::default(), spec.level, false)?);
        let _ = self.chunks.set(chunks.clone());
        Gather::new(Arc::new(self.reader(true)?), chunks, spec.workers, self.read.clone())
    }

    fn carry(&self) -> CoreResult<String> {
        let whole = self.spec.whole.iter().filter_map(|name| pack_name(name)).collect();
        carry::chunks(&mut self.gather()?, &self.spec.roots, &whole)?;
        Ok("{}".into())
    }

    fn remake(&self) -> CoreResult<String> {
        let spec = &self.spec;
        let root = spec.roots.first().copied();
        let root = root.ok_or_else(|| CoreError::Invalid("no snapshot given".into()))?;
        let common = spec.parent.and_then(|(here, _)| Some((here, *spec.others.first()?)));
        let there = self.reader(false)?;
        let roots = carry::manifest(
            &mut self.gather()?,
            &there,
            (root, spec.hints.first().copied()),
            common,
        )?;
        Ok(roots_json(&roots))
    }
}
