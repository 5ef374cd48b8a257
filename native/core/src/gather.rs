//! Chunks read from one repository and sealed anew into another, by several workers.

use crate::error::{Error, Result};
use crate::index::Place;
use crate::pack::Id;
use crate::reader::{Opener, Reader};
use crate::worker::{Chunks, Worker};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Plaintext bytes and chunks that are planned together.
const BATCH: usize = 128 << 20;
const BATCH_CHUNKS: usize = 16 << 10;

/// A chunk that is wanted, and its number among those asked for.
struct Piece {
    place: Place,
    id: Id,
    number: usize,
}

/// Takes chunks of `reader` into `chunks`.
pub struct Gather {
    pub reader: Arc<Reader>,
    pub chunks: Arc<Chunks>,
    workers: Vec<Worker>,
    /// Plaintext bytes read.
    pub read: Arc<AtomicU64>,
}

impl Gather {
    pub fn new(
        reader: Arc<Reader>,
        chunks: Arc<Chunks>,
        workers: usize,
        read: Arc<AtomicU64>,
    ) -> Result<Gather> {
        let make = |_| Worker::new(chunks.clone());
        let workers = (0..workers.max(1)).map(make).collect::<Result<_>>()?;
        Ok(Gather { reader, chunks, workers, read })
    }

    /// The worker that writes pages.
    pub fn first(&mut self) -> &mut Worker {
        &mut self.workers[0]
    }

    /// Brings these chunks over; gives their ids there, in order.
    pub fn bring(&mut self, ids: &[Id]) -> Result<Vec<Id>> {
        let mut out = vec![[0; 32]; ids.len()];
        let (mut pieces, mut bytes) = (Vec::new(), 0);
        for (number, id) in ids.iter().enumerate() {
            let place = self.reader.place(id)?;
            bytes += place.length as usize;
            pieces.push(Piece { place, id: *id, number });
            if bytes >= BATCH || pieces.len() >= BATCH_CHUNKS {
                self.batch(std::mem::take(&mut pieces), &mut out)?;
                bytes = 0;
            }
        }
        self.batch(pieces, &mut out)?;
        Ok(out)
    }

    fn batch(&mut self, pieces: Vec<Piece>, out: &mut [Id]) -> Result<()> {
        if pieces.is_empty() {
            return Ok(());
        }
        let mut blocks = BTreeMap::<(u32, u32), Vec<Piece>>::new();
        for piece in pieces {
            blocks.entry((piece.place.pack, piece.place.ordinal)).or_default().push(piece);
        }
        let busy = blocks.len().min(self.workers.len());
        let queue = Mutex::new(blocks.into_values());
        let (reader, read) = (&self.reader, &self.read);
        let done = Mutex::new((out, Ok(())));
        std::thread::scope(|scope| {
            for worker in &mut self.workers[..busy] {
                scope.spawn(|| {
                    let mut opener = Opener::default();
                    loop {
                        let Some(pieces) = queue.lock().expect("no panic").next() else { return };
                        let made = block(reader, worker, &mut opener, &pieces, read);
                        let mut done = done.lock().expect("no panic");
                        match made {
                            Ok(ids) => ids.iter().zip(pieces).for_each(|(id, p)| {
                                done.0[p.number] = *id;
                            }),
                            // The others end with what they have begun.
                            Err(e) => {
                                done.1 = Err(e);
                                queue.lock().expect("no panic").by_ref().for_each(drop);
                            }
                        }
                    }
                });
            }
        });
        done.into_inner().expect("no panic").1
    }

    /// Everything brought is durable and indexed on return.
    pub fn finish(&mut self) -> Result<()> {
        self.workers.iter_mut().try_for_each(Worker::finish)?;
        self.chunks.sink.finish()
    }
}

/// The chunks of one block.
fn block(
    reader: &Reader,
    worker: &mut Worker,
    opener: &mut Opener,
    pieces: &[Piece],
    read: &AtomicU64,
) -> Result<Vec<Id>> {
    if worker.chunks.sink.cancelled.load(Ordering::Relaxed) {
        return Err(Error::Cancelled);
    }
    let kind = pieces[0].place.block.kind;
    let plain = reader.block(&pieces[0].place, opener)?;
    let one = |p: &Piece| {
        let data = &plain[p.place.offset as usize..(p.place.offset + p.place.length) as usize];
        reader.verify(kind, &p.id, data)?;
        read.fetch_add(data.len() as u64, Ordering::Relaxed);
        worker.chunk(kind, data)
    };
    pieces.iter().map(one).collect()
}
