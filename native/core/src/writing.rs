//! The writing half of a restore: workers visit each block once and fan its chunks out to all files
//! that want them, while the planner is a bounded way ahead.

use crate::branch::Branch;
use crate::describe;
use crate::dir::Dir;
use crate::error::{Error, Result};
use crate::index::Place;
use crate::pack::Id;
use crate::page::Entry;
use crate::reader::{Opener, Reader, DATA};
use crate::restore::Counts;
use crate::target::Target;
use std::collections::{BTreeMap, VecDeque};
use std::os::fd::AsRawFd;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex};

/// Plaintext bytes that are planned together: what lies in one block is gathered within these.
pub const BATCH: usize = 128 << 20;
/// Pieces that are planned together.
pub const BATCH_PIECES: usize = 16 << 10;
/// Pieces that may wait for workers before the planner waits.
const QUEUE: usize = BATCH_PIECES / 2;

/// A chunk's place in a file.
pub struct Piece {
    pub place: Place,
    pub id: Id,
    pub target: Arc<Target>,
    pub offset: u64,
}

#[derive(Default)]
struct Queue {
    blocks: VecDeque<Vec<Piece>>,
    /// Pieces in all of them.
    pieces: usize,
    over: bool,
}

pub struct Writing {
    pub reader: Reader,
    pub counts: Arc<Counts>,
    /// Compares only: nothing is written.
    pub dry: bool,
    pub troubles: Mutex<Vec<(Vec<u8>, String)>>,
    queue: Mutex<Queue>,
    moved: Condvar,
}

impl Writing {
    pub fn new(reader: Reader, counts: Arc<Counts>, dry: bool) -> Writing {
        let (troubles, queue) = (Mutex::default(), Mutex::default());
        Writing { reader, counts, dry, troubles, queue, moved: Condvar::new() }
    }

    pub fn trouble(&self, dir: &Dir, name: &[u8], e: &Error) {
        let text = match e {
            Error::Source { .. } => crate::scan::reason(e),
            other => other.to_string(),
        };
        self.troubles.lock().expect("no panic").push((dir.path(name), text));
    }

    pub fn cancelled(&self) -> bool {
        self.counts.cancelled.load(Ordering::Relaxed)
    }

    /// Hands a batch to the workers, block by block, in the order in which they are stored.
    pub fn submit(&self, pieces: Vec<Piece>) {
        let (count, mut blocks) = (pieces.len(), BTreeMap::<(u32, u32), Vec<Piece>>::new());
        for piece in pieces {
            blocks.entry((piece.place.pack, piece.place.ordinal)).or_default().push(piece);
        }
        let mut queue = self.queue.lock().expect("no panic");
        while queue.pieces > QUEUE {
            queue = self.moved.wait(queue).expect("no panic");
        }
        queue.pieces += count;
        queue.blocks.extend(blocks.into_values());
        self.moved.notify_all();
    }

    /// No more batches will come.
    pub fn close(&self) {
        self.queue.lock().expect("no panic").over = true;
        self.moved.notify_all();
    }

    /// One worker: until the queue is empty and closed.
    pub fn work(&self) {
        let mut opener = Opener::default();
        while let Some(pieces) = self.take() {
            if !self.cancelled() {
                self.block(pieces, &mut opener);
            }
        }
    }

    fn take(&self) -> Option<Vec<Piece>> {
        let mut queue = self.queue.lock().expect("no panic");
        loop {
            if let Some(block) = queue.blocks.pop_front() {
                queue.pieces -= block.len();
                self.moved.notify_all();
                return Some(block);
            }
            if queue.over {
                return None;
            }
            queue = self.moved.wait(queue).expect("no panic");
        }
    }

    fn block(&self, pieces: Vec<Piece>, opener: &mut Opener) {
        // Files that already hold these bytes are found before anything is fetched.
        let held = |p: &&Piece| p.target.holds(&self.reader, p.offset, p.place.length, &p.id);
        let wanted: Vec<&Piece> = pieces.iter().filter(|p| !held(p)).collect();
        let opened = match wanted.first() {
            Some(first) if !self.dry => self.reader.block(&first.place, opener),
            _ => Ok(&[][..]),
        };
        for piece in wanted {
            let written = opened.clone().and_then(|block| self.write(piece, block));
            if let Err(e) = written {
                if !piece.target.fail() {
                    self.trouble(&piece.target.folder.dir, &piece.target.entry.name, &e);
                }
            }
        }
        for piece in pieces {
            if piece.target.piece_done() {
                self.finish(&piece.target);
            }
        }
    }

    fn write(&self, piece: &Piece, block: &[u8]) -> Result<()> {
        let Place { offset, length, .. } = piece.place;
        if !self.dry {
            let data = &block[offset as usize..(offset + length) as usize];
            self.reader.verify(DATA, &piece.id, data)?;
            piece.target.write(piece.offset, data)?;
        }
        self.counts.written.fetch_add(u64::from(length), Ordering::Relaxed);
        Ok(())
    }

    /// A file has all its pieces.
    pub fn finish(&self, target: &Target) {
        if let Err(e) = target.finish() {
            self.trouble(&target.folder.dir, &target.entry.name, &e);
        }
        self.release(&target.folder);
    }

    /// One entry of a folder is done; after the last the folder gets its metadata.
    pub fn release(&self, branch: &Arc<Branch>) {
        branch.release(&|branch, entry: &Entry| {
            let Some(parent) = branch.dir.parent().filter(|_| !self.dry) else { return };
            let done = parent.open().and_then(|fd| describe::named(fd.as_raw_fd(), entry));
            if let Err(e) = done {
                self.trouble(&branch.dir, b"", &e);
            }
        });
    }
}
