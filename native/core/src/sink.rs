//! Where sealed objects go: blocks are gathered into packs, packs leave for the store, and what the
//! store has made durable goes into index runs. Nothing is indexed before it is durable.

use crate::error::{Error, Result};
use crate::expand::Expander;
use crate::filling::{Filling, Ground, Part, Place};
use crate::index::{encode, Indexed, PackRow};
use crate::keyring::Keyring;
use crate::object::{object_name, Type};
use crate::pack::{fill, FILL, LIMIT};
use crate::slot::Slot;
use crate::spool::Spool;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Packs and seconds after which what is durable is indexed, so that a killed backup resumes there.
const INDEX_PACKS: usize = 16;
/// Chunks after which it is indexed, too: a run is sorted and sealed in memory.
const INDEX_CHUNKS: usize = 1 << 18;
const INDEX_AFTER: Duration = Duration::from_secs(30);

/// The bytes of an object; where those of a pack lie comes back and serves the next one.
pub enum Buffer {
    Pack(Ground),
    Record(Vec<u8>),
}

/// A sealed object on its way to the store. Its bytes come back with the reply.
pub struct Outgoing {
    pub request: u64,
    pub kind: Type,
    /// A pack of metadata: the next backup reads it again.
    pub pages: bool,
    pub name: String,
    pub buffer: Buffer,
    pub length: usize,
}

pub trait Store: Send + Sync {
    /// Hands an object over; the answer comes later by `Sink::reply`.
    fn put(&self, object: Outgoing);
}

/// How packs are filled.
pub struct Packing {
    /// Packs that are filled or sent at once; at least three.
    pub slots: usize,
    /// Stored bytes that the repository has already.
    pub stored: u64,
    /// Bytes that every pack is filled to, whatever the repository has.
    pub fill: Option<usize>,
    /// A folder for packs that are filled to more than `FILL` bytes.
    pub spool: Option<Vec<u8>>,
}

#[derive(Default)]
struct Flow {
    free: Vec<Slot>,
    /// Packs that are filled or sent now.
    busy: usize,
    /// No pack will be filled any more.
    over: bool,
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
    /// Packs being filled: of data, of metadata.
    open: [Mutex<Option<Arc<Filling>>>; 2],
    flow: Mutex<Flow>,
    moved: Condvar,
    packing: Packing,
    pub cancelled: AtomicBool,
    pub stored: AtomicU64,
}

impl Sink {
    pub fn new(
        ring: Arc<Keyring>,
        claim: [u8; 16],
        store: Box<dyn Store>,
        packing: Packing,
    ) -> Result<Sink> {
        if packing.fill.is_some_and(|n| !(FILL..=LIMIT).contains(&n)) {
            return Err(Error::Invalid("packs are filled to 16 MiB at least, 128 at most".into()));
        }
        Ok(Sink {
            ring,
            claim,
            store,
            open: Default::default(),
            flow: Mutex::default(),
            moved: Condvar::new(),
            packing,
            cancelled: AtomicBool::new(false),
            stored: AtomicU64::new(0),
        })
    }

    /// Where the next pack is filled, and to how many bytes.
    fn ground(&self) -> Result<(Ground, usize)> {
        let Packing { slots, stored, fill: given, spool } = &self.packing;
        let mut flow = self.flow.lock().expect("no panic");
        loop {
            self.healthy(&flow)?;
            if flow.busy < (*slots).max(3) {
                flow.busy += 1;
                break;
            }
            flow = self.moved.wait_timeout(flow, Duration::from_millis(200)).expect("no panic").0;
        }
        let stored = stored + self.stored.load(Ordering::Relaxed);
        match (given.unwrap_or_else(|| fill(stored)), spool) {
            (size, Some(folder)) if size > FILL => {
                // No pack will be filled in memory any more.
                flow.free.clear();
                Ok((Ground::Disk(Spool::new(folder)?), size))
            }
            (size, None) if size > FILL => {
                Err(Error::Internal(format!("no folder to spool packs of {size} bytes in")))
            }
            _ => {
                let slot = flow.free.pop().map_or_else(|| Slot::new(FILL), Ok)?;
                Ok((Ground::Memory(slot), FILL))
            }
        }
    }

    fn healthy(&self, flow: &Flow) -> Result<()> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(Error::Cancelled);
        }
        flow.failure.clone().map_or(Ok(()), Err)
    }

    /// Seals one block into the open pack of its class, opens it again from there, and compares.
    /// What it opens to lies in the same two buffers: no others are needed.
    pub fn add(
        &self,
        part: &Part,
        plain: &mut Vec<u8>,
        packed: &mut Vec<u8>,
        expander: &mut Expander,
    ) -> Result<()> {
        let place = self.reserve(part).map_err(|e| self.failed(e))?;
        // A pack in which a place was not filled rightly is never sent: it is not closed before
        // `place` is gone, and by then everybody knows.
        self.fill(&place, part, plain, packed, expander).map_err(|e| self.failed(e))
    }

    fn fill(
        &self,
        place: &Place,
        part: &Part,
        plain: &mut Vec<u8>,
        packed: &mut Vec<u8>,
        expander: &mut Expander,
    ) -> Result<()> {
        place.seal((part.codec == 0).then_some(&plain[..]), packed)?;
        let payload = place.open(packed)?;
        let mut rest = expander.expand_into(part.codec, part.plain, payload, plain)?;
        let domain = self.ring.domain()?;
        for (id, length) in part.chunks {
            let (chunk, after) = rest.split_at(*length as usize);
            if blake3::keyed_hash(&domain.ids[part.kind as usize], chunk).as_bytes() != id {
                return Err(Error::Damaged(
                    "a sealed block does not open to what went in: is the memory failing?".into(),
                ));
            }
            rest = after;
        }
        Ok(())
    }

    /// No worker waits for what will not come, and nothing more is sent.
    fn failed(&self, e: Error) -> Error {
        self.flow.lock().expect("no panic").failure.get_or_insert_with(|| e.clone());
        self.moved.notify_all();
        e
    }

    /// A place in the open pack of the part's class; a full pack is sent, and another one opened.
    fn reserve(&self, part: &Part) -> Result<Place> {
        let class = usize::from(part.kind != 0);
        loop {
            let mut open = self.open[class].lock().expect("no panic");
            if let Some(place) = open.as_ref().and_then(|pack| pack.reserve(part)) {
                return Ok(place);
            }
            if let Some(full) = open.take() {
                drop(open);
                self.send(full)?;
                continue;
            }
            let epoch = self.ring.epochs.last();
            let epoch = epoch.ok_or_else(|| Error::Missing("no domain key".into()))?;
            let ((ground, size), code) = (self.ground()?, class as u8);
            let pack = Filling::new(ground, size, epoch, &self.ring.lineage, code, self.claim)?;
            *open = Some(Arc::new(pack));
        }
    }

    fn send(&self, pack: Arc<Filling>) -> Result<()> {
        let (ground, length, filled) = pack.close()?;
        let upload = crate::crypto::random::<16>();
        let hash = ground.hash(length)?;
        let (salt, commitment) = (filled.salt, filled.commitment);
        let row = PackRow { hash, upload, salt, commitment, length: length as u32 };
        let name = row.name();
        let (blocks, chunks) = (filled.contents.blocks, filled.contents.chunks);
        let indexed = Indexed { pack: row, blocks, chunks };
        self.put(Type::Pack, name, Buffer::Pack(ground), length, Some(indexed))
    }

    fn put(
        &self,
        kind: Type,
        name: String,
        buffer: Buffer,
        length: usize,
        indexed: Option<Indexed>,
    ) -> Result<()> {
        let pages = indexed.as_ref().is_some_and(|i| i.blocks.iter().any(|b| b.kind != 0));
        let mut flow = self.flow.lock().expect("no panic");
        self.healthy(&flow)?;
        let request = flow.next;
        flow.next += 1;
        flow.waiting.insert(request, indexed);
        drop(flow);
        self.stored.fetch_add(length as u64, Ordering::Relaxed);
        self.store.put(Outgoing { request, kind, pages, name, buffer, length });
        Ok(())
    }

    /// The store's answer to one object: durable, or not.
    pub fn reply(&self, request: u64, buffer: Option<Buffer>, result: Result<()>) {
        let mut flow = self.flow.lock().expect("no panic");
        let Some(indexed) = flow.waiting.remove(&request) else { return };
        match result {
            Ok(()) => flow.durable.extend(indexed),
            Err(e) => flow.failure = Some(flow.failure.take().unwrap_or(e)),
        }
        if let Some(Buffer::Pack(ground)) = buffer {
            flow.busy -= 1;
            // What lies on a disk goes: a file that is gone need not be written there any more.
            match ground {
                Ground::Memory(slot) if !flow.over => flow.free.push(slot),
                _ => {}
            }
        }
        self.moved.notify_all();
    }

    /// Lets go of what packs are filled in: the job is over, and whoever watched it may stay.
    pub fn release(&self) {
        for open in &self.open {
            *open.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        let mut flow = self.flow.lock().unwrap_or_else(PoisonError::into_inner);
        flow.over = true;
        flow.free.clear();
    }

    /// Indexes what is durable when it is much or old, or always at the end.
    pub fn index(&self, always: bool) -> Result<()> {
        let mut flow = self.flow.lock().expect("no panic");
        let since = *flow.indexed_at.get_or_insert_with(Instant::now);
        let chunks: usize = flow.durable.iter().map(|p| p.chunks.len()).sum();
        let many = flow.durable.len() >= INDEX_PACKS || chunks >= INDEX_CHUNKS;
        let due = many || since.elapsed() > INDEX_AFTER;
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
        self.put(Type::Index, name, Buffer::Record(sealed), length, None)
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
