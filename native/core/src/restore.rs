//! The restore job: folders first, then data block by block, links and devices after it, metadata
//! of folders last. Everything is reached through handles beneath the target; no link is ever
//! followed.
//!
//! A killed restore is finished by the next run: what already matches is kept, the rest rewritten.

use crate::describe;
use crate::dir::Dir;
use crate::error::{Error, Result};
use crate::index::Place;
use crate::pack::Id;
use crate::page::{self, Content, Entry, EXT_EXTENTS, EXT_PARTIAL};
use crate::posix;
use crate::reader::{Opener, Reader, DATA};
use crate::remove;
use crate::target::{self, Target};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Plaintext bytes planned before they are written.
const BATCH: usize = 64 << 20;
const BATCH_PIECES: usize = 64 << 10;

pub struct Spec {
    /// An existing folder.
    pub target: Vec<u8>,
    pub delete: bool,
    pub dry: bool,
    pub workers: usize,
}

#[derive(Default)]
pub struct Counts {
    pub entries: AtomicU64,
    pub bytes: AtomicU64,
    pub written: AtomicU64,
    pub deleted: AtomicU64,
    pub cancelled: AtomicBool,
}

struct Piece {
    place: Place,
    id: Id,
    target: Arc<Target>,
    offset: u64,
}

struct Later {
    folder: Arc<Dir>,
    entry: Entry,
}

pub struct Restore {
    pub reader: Reader,
    pub spec: Spec,
    counts: Arc<Counts>,
    pub troubles: Mutex<Vec<(Vec<u8>, String)>>,
    pieces: Vec<Piece>,
    bytes: usize,
    links: HashMap<u64, (Arc<Dir>, Vec<u8>)>,
    later: Vec<Later>,
    folders: Vec<(Arc<Dir>, Entry, bool)>,
}

impl Restore {
    pub fn new(reader: Reader, spec: Spec, counts: Arc<Counts>) -> Restore {
        Restore {
            reader,
            spec,
            counts,
            troubles: Mutex::default(),
            pieces: vec![],
            bytes: 0,
            links: HashMap::new(),
            later: vec![],
            folders: vec![],
        }
    }

    /// Restores the folder whose pages begin at `page`, or one entry, into the target. A `partial`
    /// folder never loses what the snapshot does not list.
    pub fn run(&mut self, page: Option<Id>, partial: bool, single: Option<Entry>) -> Result<()> {
        posix::raise_handle_limit();
        let handle = posix::open_at(
            libc::AT_FDCWD,
            &posix::name(&self.spec.target)?,
            libc::O_RDONLY | libc::O_DIRECTORY,
            0,
        )?;
        let root = Dir::root(self.spec.target.clone(), handle);
        let mut stack = Vec::new();
        match (page, single) {
            (Some(page), _) => stack.push((root, page, partial)),
            (None, Some(entry)) => {
                let fd = root.open()?;
                self.entry(&root, fd.as_raw_fd(), entry, &mut stack)?;
            }
            _ => {}
        }
        while let Some((folder, page, partial)) = stack.pop() {
            if self.counts.cancelled.load(Ordering::Relaxed) {
                return Err(Error::Cancelled);
            }
            self.folder(&folder, &page, partial, &mut stack)?;
        }
        self.flush()?;
        self.finish()
    }

    fn trouble(&self, folder: &Dir, name: &[u8], e: &Error) {
        let text = match e {
            Error::Source { .. } => crate::scan::reason(e),
            other => other.to_string(),
        };
        self.troubles.lock().expect("no panic").push((folder.path(name), text));
    }

    fn folder(
        &mut self,
        folder: &Arc<Dir>,
        page: &Id,
        partial: bool,
        stack: &mut Vec<(Arc<Dir>, Id, bool)>,
    ) -> Result<()> {
        let entries = match self.reader.entries(page) {
            Ok(entries) => entries,
            Err(e) => {
                self.trouble(folder, b"", &e);
                return Ok(());
            }
        };
        let handle = match folder.open() {
            Ok(handle) => handle,
            Err(_) if self.spec.dry => {
                entries.iter().for_each(|e| self.count(e));
                for e in entries {
                    if let Content::Dir(id, _) = e.content {
                        stack.push((Dir::below(folder, e.name), id, false));
                    }
                }
                return Ok(());
            }
            Err(e) => {
                self.trouble(folder, b"", &e);
                return Ok(());
            }
        };
        let fd = handle.as_raw_fd();
        if self.spec.delete && !partial {
            self.delete_others(folder, fd, &entries)?;
        }
        folder.keep(&handle);
        for entry in entries {
            let name = entry.name.clone();
            match self.entry(folder, fd, entry, stack) {
                Err(e @ (Error::Cancelled | Error::Invalid(_))) => return Err(e),
                Err(e) => self.trouble(folder, &name, &e),
                Ok(()) => {}
            }
        }
        Ok(())
    }

    fn delete_others(&mut self, folder: &Arc<Dir>, fd: RawFd, entries: &[Entry]) -> Result<()> {
        let wanted: HashSet<&[u8]> = entries.iter().map(|e| &e.name[..]).collect();
        for name in posix::names(fd)? {
            if wanted.contains(&name[..]) {
                continue;
            }
            self.counts.deleted.fetch_add(1, Ordering::Relaxed);
            if !self.spec.dry {
                if let Err(e) = remove::remove(fd, &name) {
                    self.trouble(folder, &name, &e);
                }
            }
        }
        Ok(())
    }

    fn count(&self, entry: &Entry) {
        self.counts.entries.fetch_add(1, Ordering::Relaxed);
        if entry.kind == page::FILE {
            self.counts.bytes.fetch_add(entry.size, Ordering::Relaxed);
        }
    }

    fn entry(
        &mut self,
        folder: &Arc<Dir>,
        fd: RawFd,
        entry: Entry,
        stack: &mut Vec<(Arc<Dir>, Id, bool)>,
    ) -> Result<()> {
        self.count(&entry);
        if let Content::Refused(why) = entry.content {
            return Err(Error::Newer(why));
        }
        if let Content::Dir(id, _) = entry.content {
            let partial = entry.ext(EXT_PARTIAL).is_some();
            let made = if self.spec.dry { false } else { target::make_folder(fd, &entry)? };
            let below = Dir::below(folder, entry.name.clone());
            stack.push((below.clone(), id, partial));
            if made || !partial {
                self.folders.push((below, entry, made));
            }
            return Ok(());
        }
        if self.spec.dry {
            return Ok(());
        }
        let linked = entry.link.and_then(|group| self.links.get(&group));
        if linked.is_some() || entry.kind != page::FILE {
            if let (None, Some(group)) = (linked, entry.link) {
                self.links.insert(group, (folder.clone(), entry.name.clone()));
            }
            self.later.push(Later { folder: folder.clone(), entry });
            return Ok(());
        }
        if let Some(group) = entry.link {
            self.links.insert(group, (folder.clone(), entry.name.clone()));
        }
        self.file(folder, entry)
    }

    fn file(&mut self, folder: &Arc<Dir>, entry: Entry) -> Result<()> {
        let ids = self.reader.chunk_ids(&entry.content)?;
        let places = ids.iter().map(|id| self.reader.place(id)).collect::<Result<Vec<_>>>()?;
        let extents = extents(&entry, places.iter().map(|p| u64::from(p.length)).sum())?;
        let target =
            Arc::new(Target::new(folder.clone(), entry, ids.len(), extents, self.spec.delete));
        if ids.is_empty() {
            return target.finish();
        }
        let mut offset = 0;
        for (id, place) in ids.into_iter().zip(places) {
            self.pieces.push(Piece { place, id, target: target.clone(), offset });
            offset += u64::from(place.length);
            self.bytes += place.length as usize;
            if self.bytes >= BATCH || self.pieces.len() >= BATCH_PIECES {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Writes what is planned, one visit per block, and finishes the files that are whole.
    fn flush(&mut self) -> Result<()> {
        let mut blocks: BTreeMap<(u32, u32), Vec<Piece>> = BTreeMap::new();
        for piece in std::mem::take(&mut self.pieces) {
            blocks.entry((piece.place.pack, piece.place.ordinal)).or_default().push(piece);
        }
        self.bytes = 0;
        let work: Vec<Vec<Piece>> = blocks.into_values().collect();
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..self.spec.workers.max(1).min(work.len()) {
                scope.spawn(|| {
                    let mut opener = Opener::default();
                    while let Some(pieces) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
                        if !self.counts.cancelled.load(Ordering::Relaxed) {
                            self.block(pieces, &mut opener);
                        }
                    }
                });
            }
        });
        if self.counts.cancelled.load(Ordering::Relaxed) {
            return Err(Error::Cancelled);
        }
        Ok(())
    }

    fn block(&self, pieces: &[Piece], opener: &mut Opener) {
        // Files that already hold these bytes are found before anything is fetched.
        let wanted: Vec<&Piece> = pieces
            .iter()
            .filter(|p| !p.target.holds(&self.reader, p.offset, p.place.length, &p.id))
            .collect();
        let opened = if wanted.is_empty() {
            Ok(&[][..])
        } else {
            self.reader.block(&pieces[0].place, opener)
        };
        for piece in &wanted {
            let written = opened.clone().and_then(|block| {
                let data = &block[piece.place.offset as usize
                    ..(piece.place.offset + piece.place.length) as usize];
                self.reader.verify(DATA, &piece.id, data)?;
                piece.target.write(piece.offset, data)?;
                self.counts.written.fetch_add(data.len() as u64, Ordering::Relaxed);
                Ok(())
            });
            if let Err(e) = written {
                if !piece.target.fail() {
                    self.trouble(&piece.target.folder, &piece.target.entry.name, &e);
                }
            }
        }
        for piece in pieces {
            if piece.target.piece_done() {
                if let Err(e) = piece.target.finish() {
                    self.trouble(&piece.target.folder, &piece.target.entry.name, &e);
                }
            }
        }
    }

    /// Links, devices and pipes, then the metadata of folders, deepest first.
    fn finish(&mut self) -> Result<()> {
        for later in std::mem::take(&mut self.later) {
            let first = later.entry.link.and_then(|g| self.links.get(&g));
            let done = later.folder.open().and_then(|fd| match first {
                Some((folder, name))
                    if !(Arc::ptr_eq(folder, &later.folder) && *name == later.entry.name) =>
                {
                    let from = folder.open()?;
                    let (from, to) = (from.as_raw_fd(), fd.as_raw_fd());
                    target::link(from, name, to, &later.entry.name, self.spec.delete)
                }
                _ => target::special(fd.as_raw_fd(), &later.entry, self.spec.delete),
            });
            if let Err(e) = done {
                self.trouble(&later.folder, &later.entry.name, &e);
            }
        }
        while let Some((folder, entry, _)) = self.folders.pop() {
            if self.spec.dry {
                continue;
            }
            let fd = match folder.parent().map(|p| p.open()) {
                Some(Ok(fd)) => fd,
                _ => continue,
            };
            if let Err(e) = describe::named(fd.as_raw_fd(), &entry) {
                self.trouble(&folder, b"", &e);
            }
        }
        Ok(())
    }
}

/// Where a file's data lies: its extents, or all of it from the start.
pub fn extents(entry: &Entry, data: u64) -> Result<Vec<(u64, u64)>> {
    let Some(bytes) = entry.ext(EXT_EXTENTS) else {
        return if data == entry.size {
            Ok(vec![(0, data)])
        } else {
            Err(Error::Damaged("file's chunks do not add up to its size".into()))
        };
    };
    let word = |b: &[u8]| u64::from_le_bytes(b.try_into().expect("8 bytes"));
    let list: Vec<(u64, u64)> =
        bytes.chunks_exact(16).map(|c| (word(&c[..8]), word(&c[8..]))).collect();
    let (mut end, mut sum) = (0u64, 0u64);
    for (at, length) in &list {
        let next = at.checked_add(*length).filter(|n| *at >= end && *n <= entry.size);
        end =
            next.ok_or_else(|| Error::Damaged("file's extents overlap or pass its end".into()))?;
        sum += length;
    }
    if sum != data || bytes.len() % 16 != 0 {
        return Err(Error::Damaged("file's chunks do not add up to its extents".into()));
    }
    Ok(list)
}
