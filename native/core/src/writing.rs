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
/// Stored bytes that are read at once where each read costs, and bytes between two blocks that are
/// read along rather than asked past.
const SPAN: u32 = 4 << 20;
const GAP: u32 = 256 << 10;
/// Pieces that may wait for workers before the planner waits.
const QUEUE: usize = BATCH_PIECES / 2;

/// A chunk's place in a file.
pub struct Piece {
    pub place: Place,
    pub id: Id,
    pub target: Arc<Target>,
    pub offset: u64,
}

/// Pieces of one block.
type Block = Vec<Piece>;
/// Blocks of one pack that are looked at together.
type Span = Vec<Block>;

#[derive(Default)]
struct Queue {
    spans: VecDeque<Span>,
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
    failure: Mutex<Option<Error>>,
    queue: Mutex<Queue>,
    moved: Condvar,
}

impl Writing {
    pub fn new(reader: Reader, counts: Arc<Counts>, dry: bool) -> Writing {
        let (troubles, failure, queue) = Default::default();
        Writing { reader, counts, dry, troubles, failure, queue, moved: Condvar::new() }
    }

    pub fn trouble(&self, dir: &Dir, name: &[u8], e: &Error) {
        let text = match e {
            Error::Source { .. } => crate::scan::reason(e),
            other => other.to_string(),
        };
        self.troubles.lock().expect("no panic").push((dir.path(name), text));
    }

    /// Whether this is more than one object's trouble: a store afar that does not answer would fail
    /// every file, one after the other. It ends the restore.
    pub fn ends(&self, e: &Error) -> bool {
        let ends = self.reader.far() && matches!(e, Error::Store(_));
        if ends {
            self.failure.lock().expect("no panic").get_or_insert(e.clone());
            self.counts.cancelled.store(true, Ordering::Relaxed);
        }
        ends
    }

    /// Why the restore ended early.
    pub fn failure(&self) -> Option<Error> {
        self.failure.lock().expect("no panic").take()
    }

    pub fn cancelled(&self) -> bool {
        self.counts.cancelled.load(Ordering::Relaxed)
    }

    /// Hands a batch to the workers, in the order in which its blocks are stored.
    pub fn submit(&self, pieces: Vec<Piece>) {
        let (count, mut blocks) = (pieces.len(), BTreeMap::<(u32, u32), Block>::new());
        for piece in pieces {
            blocks.entry((piece.place.pack, piece.place.ordinal)).or_default().push(piece);
        }
        let most = if self.reader.far() { SPAN } else { 0 };
        let mut spans: Vec<Span> = Vec::new();
        for block in blocks.into_values() {
            match spans.last_mut().filter(|span| range(&span[0], &block).is_some_and(|n| n <= most))
            {
                Some(span) => span.push(block),
                None => spans.push(vec![block]),
            }
        }
        let mut queue = self.queue.lock().expect("no panic");
        while queue.pieces > QUEUE {
            queue = self.moved.wait(queue).expect("no panic");
        }
        queue.pieces += count;
        queue.spans.extend(spans);
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
        while let Some(span) = self.take() {
            if !self.cancelled() {
                self.span(span, &mut opener);
            }
        }
    }

    fn take(&self) -> Option<Span> {
        let mut queue = self.queue.lock().expect("no panic");
        loop {
            if let Some(span) = queue.spans.pop_front() {
                queue.pieces -= span.iter().map(Vec::len).sum::<usize>();
                self.moved.notify_all();
                return Some(span);
            }
            if queue.over {
                return None;
            }
            queue = self.moved.wait(queue).expect("no panic");
        }
    }

    fn span(&self, span: Span, opener: &mut Opener) {
        // Files that already hold these bytes are found before anything is fetched.
        let held = |p: &&Piece| p.target.holds(&self.reader, p.offset, p.place.length, &p.id);
        let wanted = span.iter().map(|block| block.iter().filter(|p| !held(p)).collect());
        let wanted: Vec<Vec<&Piece>> = wanted.filter(|w: &Vec<_>| !w.is_empty()).collect();
        let near = |a: &Vec<&Piece>, b: &Vec<&Piece>| {
            let (a, b) = (a[0].place.block, b[0].place.block);
            self.reader.far() && b.offset - a.offset - a.stored <= GAP
        };
        wanted.chunk_by(near).for_each(|blocks| self.blocks(blocks, opener));
        for piece in span.into_iter().flatten() {
            if piece.target.piece_done() {
                self.finish(&piece.target);
            }
        }
    }

    /// Reads some neighbours at once, and writes what is wanted of each.
    fn blocks(&self, blocks: &[Vec<&Piece>], opener: &mut Opener) {
        let (first, last) = (&blocks[0][0].place, &blocks[blocks.len() - 1][0].place.block);
        let length = last.offset + last.stored - first.block.offset;
        let read = if self.dry { Ok(()) } else { self.reader.read(first, length, opener) };
        if read.as_ref().is_err_and(|e| self.ends(e)) {
            return;
        }
        if read.is_err() && blocks.len() > 1 {
            // What is wrong with one must not hit its neighbours.
            return blocks.chunks(1).for_each(|one| self.blocks(one, opener));
        }
        self.counts.requests.fetch_add(1, Ordering::Relaxed);
        self.counts.stored.fetch_add(u64::from(length), Ordering::Relaxed);
        for pieces in blocks {
            let opened = match &read {
                Ok(()) if self.dry => Ok(&[][..]),
                Ok(()) => self.reader.open(&pieces[0].place, opener),
                Err(e) => Err(e.clone()),
            };
            let right = |piece: &&Piece| {
                let checked = opened.clone().and_then(|block| self.check(piece, block));
                checked.map_err(|e| self.failed(piece, &e)).is_ok()
            };
            let pieces: Vec<&Piece> = pieces.iter().copied().filter(right).collect();
            let Ok(block) = opened else { continue };
            for run in pieces.chunk_by(follows) {
                if let Err(e) = self.write(run, block) {
                    self.failed(run[0], &e);
                }
            }
        }
    }

    fn failed(&self, piece: &Piece, e: &Error) {
        if !piece.target.fail() {
            self.trouble(&piece.target.folder.dir, &piece.target.entry.name, e);
        }
    }

    fn check(&self, piece: &Piece, block: &[u8]) -> Result<()> {
        if self.dry {
            return Ok(());
        }
        let Place { offset, length, .. } = piece.place;
        self.reader.verify(DATA, &piece.id, &block[offset as usize..(offset + length) as usize])
    }

    /// Writes pieces that follow one another in the block and in their file: with one call, since
    /// one for each page of a database takes longer than all else that is done for it.
    fn write(&self, run: &[&Piece], block: &[u8]) -> Result<()> {
        let start = run[0].place.offset as usize;
        let length: usize = run.iter().map(|piece| piece.place.length as usize).sum();
        if !self.dry {
            run[0].target.write(run[0].offset, &block[start..start + length])?;
        }
        self.counts.written.fetch_add(length as u64, Ordering::Relaxed);
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

/// Whether two pieces are neighbours in their block and in one file.
fn follows(a: &&Piece, b: &&Piece) -> bool {
    let length = a.place.length;
    Arc::ptr_eq(&a.target, &b.target)
        && a.place.offset + length == b.place.offset
        && a.offset + u64::from(length) == b.offset
}

/// Stored bytes from the beginning of one block to the end of a later one of the same pack.
fn range(first: &Block, last: &Block) -> Option<u32> {
    let (a, b) = (first[0].place, last[0].place);
    (a.pack == b.pack).then(|| b.block.offset + b.block.stored - a.block.offset)
}
