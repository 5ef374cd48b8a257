//! Where sealed objects go: blocks are gathered into packs, packs leave for the store, and what the
//! store has made durable goes into index runs. Nothing is indexed before it is durable.

use crate::error::{Error, Result};
use crate::index::{encode, Indexed, PackRow};
use crate::keyring::Keyring;
use crate::object::{object_name, Type};
use crate::pack::{expand, Id, OpenPack, LIMIT};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// Packs and seconds after which what is durable is indexed, so that a killed backup resumes there.
const INDEX_PACKS: usize = 16;
const INDEX_AFTER: Duration = Duration::from_secs(30);

/// A sealed object on its way to the store. Its bytes come back with the reply.
pub struct Outgoing {
    pub request: u64,
    pub kind: Type,
    pub name: String,
    pub buffer: Vec<u8>,
    pub length: usize,
}

pub trait Store: Send + Sync {
    /// Hands an object over; the answer comes later by `Sink::reply`.
    fn put(&self, object: Outgoing);
}

#[derive(Default)]
struct Flow {
    free: Vec<Vec<u8>>,
    made: usize,
    waiting: HashMap<u64, Option<Indexed>>,
    durable: Vec<Indexed>,
    failure: Option<Error>,
    next: u64,
    indexed_at: Option<Instant>,
}

pub struct Sink {
    pub ring: Arc<Keyring>,
    pub claim: [u8; 16],
    store: Box<dyn Store>,
    open: [Mutex<Option<OpenPack>>; 2],
    flow: Mutex<Flow>,
    moved: Condvar,
    slots: usize,
    pub cancelled: AtomicBool,
    pub stored: AtomicU64,
}

impl Sink {
    /// `slots` buffers of pack size are all that this sink ever holds; at least three.
    pub fn new(ring: Arc<Keyring>, claim: [u8; 16], store: Box<dyn Store>, slots: usize) -> Sink {
        Sink {
            ring,
            claim,
            store,
            open: Default::default(),
            flow: Mutex::default(),
            moved: Condvar::new(),
            slots: slots.max(3),
            cancelled: AtomicBool::new(false),
            stored: AtomicU64::new(0),
        }
    }

    fn slot(&self) -> Result<Vec<u8>> {
        let mut flow = self.flow.lock().expect("no panic");
        loop {
            self.healthy(&flow)?;
            if let Some(slot) = flow.free.pop() {
                return Ok(slot);
            }
            if flow.made < self.slots {
                flow.made += 1;
                return Ok(vec![0; LIMIT]);
            }
            flow = self.moved.wait_timeout(flow, Duration::from_millis(200)).expect("no panic").0;
        }
    }

    fn healthy(&self, flow: &Flow) -> Result<()> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(Error::Cancelled);
        }
        flow.failure.clone().map_or(Ok(()), Err)
    }

    /// Seals one block into the open pack of its class, opens it again from there, and compares.
    pub fn add(
        &self,
        kind: u8,
        codec: u8,
        plain: &[u8],
        payload: &[u8],
        chunks: &[(Id, u32)],
    ) -> Result<()> {
        let class = usize::from(kind != 0);
        let mut place = self.open[class].lock().expect("no panic");
        if place.as_ref().is_some_and(|p| !p.fits(payload.len(), chunks.len())) {
            let full = place.take().expect("seen above");
            self.send(full)?;
        }
        if place.is_none() {
            let epoch =
                self.ring.epochs.last().ok_or_else(|| Error::Missing("no domain key".into()))?;
            *place = Some(OpenPack::new(
                self.slot()?,
                epoch,
                &self.ring.lineage,
                class as u8,
                self.claim,
            ));
        }
        let pack = place.as_mut().expect("made above");
        let ordinal = pack.contents.blocks.len() as u64;
        let row = pack.add(codec, kind, plain.len(), payload, chunks);
        let mut sealed = pack.buffer[row.offset as usize..][..row.stored as usize].to_vec();
        let key = pack.key.clone();
        drop(place);
        let opened = key.open(ordinal, row.offset as usize, &mut sealed)?;
        self.compare(kind, codec, plain.len(), opened, chunks)
    }

    fn compare(
        &self,
        kind: u8,
        codec: u8,
        plain: usize,
        payload: &[u8],
        chunks: &[(Id, u32)],
    ) -> Result<()> {
        let mut again = Vec::new();
        let data = if codec == 0 {
            payload
        } else {
            expand(codec, plain, payload, &mut again)?;
            &again
        };
        let domain = self.ring.domain()?;
        let mut at = 0;
        for (id, length) in chunks {
            let part = &data[at..at + *length as usize];
            if blake3::keyed_hash(&domain.ids[kind as usize], part).as_bytes() != id {
                return Err(Error::Damaged("a sealed block does not open to what went in; the machine's memory may be failing".into()));
            }
            at += part.len();
        }
        Ok(())
    }

    fn send(&self, mut pack: OpenPack) -> Result<()> {
        let length = pack.close();
        let upload = crate::crypto::random::<16>();
        let hash = *blake3::hash(&pack.buffer[..length]).as_bytes();
        let commitment = pack.key.key.commitment;
        let row = PackRow { hash, upload, salt: pack.salt, commitment, length: length as u32 };
        let name = row.name();
        let indexed =
            Indexed { pack: row, blocks: pack.contents.blocks, chunks: pack.contents.chunks };
        self.put(Type::Pack, name, pack.buffer, length, Some(indexed))
    }

    fn put(
        &self,
        kind: Type,
        name: String,
        buffer: Vec<u8>,
        length: usize,
        indexed: Option<Indexed>,
    ) -> Result<()> {
        let mut flow = self.flow.lock().expect("no panic");
        self.healthy(&flow)?;
        let request = flow.next;
        flow.next += 1;
        flow.waiting.insert(request, indexed);
        drop(flow);
        self.stored.fetch_add(length as u64, Ordering::Relaxed);
        self.store.put(Outgoing { request, kind, name, buffer, length });
        Ok(())
    }

    /// The store's answer to one object: durable, or not.
    pub fn reply(&self, request: u64, buffer: Vec<u8>, result: Result<()>) {
        let mut flow = self.flow.lock().expect("no panic");
        let Some(indexed) = flow.waiting.remove(&request) else { return };
        match result {
            Ok(()) => flow.durable.extend(indexed),
            Err(e) => flow.failure = Some(flow.failure.take().unwrap_or(e)),
        }
        if buffer.len() == LIMIT {
            flow.free.push(buffer);
        }
        self.moved.notify_all();
    }

    /// Indexes what is durable when it is much or old, or always at the end.
    pub fn index(&self, always: bool) -> Result<()> {
        let mut flow = self.flow.lock().expect("no panic");
        let since = *flow.indexed_at.get_or_insert_with(Instant::now);
        let due = flow.durable.len() >= INDEX_PACKS || since.elapsed() > INDEX_AFTER;
        if flow.durable.is_empty() || !(due || always) {
            return Ok(());
        }
        flow.indexed_at = Some(Instant::now());
        let packs = std::mem::take(&mut flow.durable);
        drop(flow);
        let run = encode(&self.claim, &self.ring.domain()?.id, &packs);
        let upload = crate::crypto::random::<16>();
        let sealed = self.ring.seal(Type::Index, &upload, &run)?;
        let (name, length) = (object_name(&sealed, &upload), sealed.len());
        self.put(Type::Index, name, sealed, length, None)
    }

    /// Sends what is open, waits until everything is durable, and indexes it.
    pub fn finish(&self) -> Result<()> {
        for open in &self.open {
            if let Some(pack) = open.lock().expect("no panic").take() {
                self.send(pack)?;
            }
        }
        self.drain()?;
        self.index(true)?;
        self.drain()
    }

    fn drain(&self) -> Result<()> {
        let mut flow = self.flow.lock().expect("no panic");
        while !flow.waiting.is_empty() {
            self.healthy(&flow)?;
            flow = self.moved.wait_timeout(flow, Duration::from_millis(200)).expect("no panic").0;
        }
        self.healthy(&flow)
    }
}
