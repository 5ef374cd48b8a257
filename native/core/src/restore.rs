//! The restore job: its planner makes folders and says which chunk goes where, its workers write
//! (`writing.rs`); links and devices come last, and each folder's metadata when all below is done.
//! Everything is reached through handles beneath the target; no link is ever followed.
//!
//! A killed restore is finished by the next run: what already matches is kept, the rest rewritten.

use crate::branch::Branch;
use crate::dir::Dir;
use crate::error::{Error, Result};
use crate::names::Names;
use crate::pack::Id;
use crate::page::{self, Content, Entry, EXT_EXTENTS, EXT_PARTIAL};
use crate::posix;
use crate::remove;
use crate::target::{self, Target};
use crate::union::{Joined, Union};
use crate::writing::{Piece, Writing, BATCH, BATCH_PIECES};
use std::collections::HashMap;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;

pub struct Spec {
    /// An existing folder.
    pub target: Vec<u8>,
    pub delete: bool,
    /// Compares and counts only.
    pub dry: bool,
    pub workers: usize,
}

#[derive(Default)]
pub struct Counts {
    pub entries: AtomicU64,
    pub bytes: AtomicU64,
    pub written: AtomicU64,
    pub deleted: AtomicU64,
    /// Stored bytes that were read, or would be, and in how many ranges of packs.
    pub stored: AtomicU64,
    pub requests: AtomicU64,
    pub cancelled: AtomicBool,
}

/// What is to be restored: the entries of a folder, or one entry.
pub enum What {
    /// `keeps`: the folder may hold more than the snapshot lists, and loses nothing.
    Folder {
        pages: Vec<Id>,
        keeps: bool,
    },
    Entry(Joined),
}

/// A folder whose leaves are still to be visited.
struct Frame {
    branch: Arc<Branch>,
    leaves: Union,
    /// Names that stand there and may have to go, and how many of them were looked at.
    there: Option<(Names, usize)>,
}

/// An entry that waits until all files are written.
struct Later {
    branch: Arc<Branch>,
    entry: Entry,
}

/// Restores into the target; what went wrong with single entries is among `writing.troubles`.
pub fn run(writing: &Writing, spec: &Spec, what: What) -> Result<()> {
    posix::raise_handle_limit();
    let (target, flags) = (posix::name(&spec.target)?, libc::O_RDONLY | libc::O_DIRECTORY);
    let dir = match posix::open_at(libc::AT_FDCWD, &target, flags, 0) {
        Ok(handle) => Dir::root(spec.target.clone(), handle),
        Err(_) if spec.dry => Dir::absent(spec.target.clone()),
        Err(e) => return Err(e),
    };
    let (pieces, links, later) = (vec![], HashMap::new(), vec![]);
    let mut plan = Plan { writing, spec, pieces, bytes: 0, links, later };
    std::thread::scope(|scope| {
        for _ in 0..spec.workers.max(1) {
            scope.spawn(|| writing.work());
        }
        let planned = plan.all(Branch::root(dir), what);
        writing.close();
        planned
    })
    .map_err(|e| writing.failure().unwrap_or(e))?;
    if let Some(e) = writing.failure() {
        return Err(e);
    }
    if writing.cancelled() {
        return Err(Error::Cancelled);
    }
    plan.finish();
    Ok(())
}

struct Plan<'a> {
    writing: &'a Writing,
    spec: &'a Spec,
    pieces: Vec<Piece>,
    /// Plaintext bytes of `pieces`.
    bytes: usize,
    /// The first restored name of each group of hard links.
    links: HashMap<u64, (Arc<Branch>, Vec<u8>)>,
    later: Vec<Later>,
}

impl Plan<'_> {
    fn all(&mut self, root: Arc<Branch>, what: What) -> Result<()> {
        let mut stack = Vec::new();
        match what {
            What::Folder { pages, keeps } => stack.push(self.frame(root, &pages, keeps)),
            What::Entry(entry) => {
                let handle = root.dir.open().ok();
                self.entry(&root, handle.as_ref(), entry, &mut stack)?;
            }
        }
        while let Some(frame) = stack.last_mut() {
            if self.writing.cancelled() {
                return Err(Error::Cancelled);
            }
            match frame.leaves.next(&self.writing.reader) {
                Some(Ok(entries)) => self.leaf(entries, &mut stack)?,
                Some(Err(e)) if self.writing.ends(&e) => return Err(e),
                Some(Err(e)) => {
                    // What cannot be listed must not be taken for deleted.
                    frame.there = None;
                    self.writing.trouble(&frame.branch.dir, b"", &e);
                }
                None => {
                    let mut frame = stack.pop().expect("seen above");
                    self.delete_before(&mut frame, None);
                    self.writing.release(&frame.branch);
                }
            }
        }
        self.flush();
        Ok(())
    }

    fn frame(&self, branch: Arc<Branch>, pages: &[Id], keeps: bool) -> Frame {
        let list = || {
            let handle = branch.dir.open().ok()?;
            let names = Names::read(handle.as_raw_fd(), &mut Vec::new()).ok()?;
            Some((names, 0))
        };
        let there = if self.spec.delete && !keeps { list() } else { None };
        Frame { there, leaves: Union::new(pages), branch }
    }

    fn leaf(&mut self, entries: Vec<Joined>, stack: &mut Vec<Frame>) -> Result<()> {
        let frame = stack.last_mut().expect("the leaf is of its folder");
        for Joined { entry, .. } in &entries {
            self.delete_before(frame, Some(&entry.name));
        }
        let branch = frame.branch.clone();
        let handle = match branch.dir.open() {
            Ok(handle) => Some(handle),
            Err(_) if self.spec.dry => None,
            Err(e) => {
                self.writing.trouble(&branch.dir, b"", &e);
                return Ok(());
            }
        };
        handle.iter().for_each(|h| branch.dir.keep(h));
        let mut below = Vec::new();
        for joined in entries {
            let name = joined.entry.name.clone();
            match self.entry(&branch, handle.as_ref(), joined, &mut below) {
                Err(e @ (Error::Cancelled | Error::Invalid(_))) => return Err(e),
                Err(e) if self.writing.ends(&e) => return Err(e),
                Err(e) => self.writing.trouble(&branch.dir, &name, &e),
                Ok(()) => {}
            }
        }
        stack.extend(below.into_iter().rev());
        Ok(())
    }

    /// Deletes what stands in the folder up to `name`, or to the end, and is not in the snapshot.
    fn delete_before(&mut self, frame: &mut Frame, name: Option<&[u8]>) {
        let Some((names, at)) = &mut frame.there else { return };
        while *at < names.len() && name.is_none_or(|n| names.get(*at) <= n) {
            let found = names.get(*at);
            *at += 1;
            if name == Some(found) {
                return;
            }
            self.writing.counts.deleted.fetch_add(1, Ordering::Relaxed);
            if self.spec.dry {
                continue;
            }
            let dir = &frame.branch.dir;
            if let Err(e) = dir.open().and_then(|fd| remove::remove(fd.as_raw_fd(), found)) {
                self.writing.trouble(dir, found, &e);
            }
        }
    }

    fn entry(
        &mut self,
        branch: &Arc<Branch>,
        handle: Option<&Arc<OwnedFd>>,
        joined: Joined,
        below: &mut Vec<Frame>,
    ) -> Result<()> {
        let Joined { entry, below: pages } = joined;
        let counts = &self.writing.counts;
        counts.entries.fetch_add(1, Ordering::Relaxed);
        if entry.kind == page::FILE {
            counts.bytes.fetch_add(entry.size, Ordering::Relaxed);
        }
        if let Content::Refused(why) = entry.content {
            return Err(Error::Newer(why));
        }
        if let Content::Dir(_, inside) = entry.content {
            let partial = entry.ext(EXT_PARTIAL).is_some();
            let made = match handle.filter(|_| !self.spec.dry) {
                Some(fd) => target::make_folder(fd.as_raw_fd(), &entry)?,
                None => false,
            };
            let name = entry.name.clone();
            let keeps = entry.keeps();
            let child = branch.below(name, (made || !partial).then_some(entry));
            // A folder that was empty and has something mounted on it now is that mount's place.
            let keeps = keeps || self.spec.delete && inside.entries == 0 && is_mount(&child.dir);
            below.push(self.frame(child, &pages, keeps));
            return Ok(());
        }
        let first = entry.link.is_some_and(|group| !self.links.contains_key(&group));
        if let (true, Some(group)) = (first, entry.link) {
            self.links.insert(group, (branch.clone(), entry.name.clone()));
        }
        if entry.kind == page::FILE && (entry.link.is_none() || first) {
            return self.file(branch, entry);
        }
        branch.hold();
        self.later.push(Later { branch: branch.clone(), entry });
        Ok(())
    }

    fn file(&mut self, branch: &Arc<Branch>, entry: Entry) -> Result<()> {
        let reader = &self.writing.reader;
        let ids = reader.chunk_ids(&entry.content)?;
        let places = ids.iter().map(|id| reader.place(id)).collect::<Result<Vec<_>>>()?;
        let extents = extents(&entry, places.iter().map(|p| u64::from(p.length)).sum())?;
        branch.hold();
        let target = Arc::new(Target::new(branch.clone(), entry, ids.len(), extents, self.spec));
        if ids.is_empty() {
            self.writing.finish(&target);
            return Ok(());
        }
        let mut offset = 0;
        for (id, place) in ids.into_iter().zip(places) {
            self.pieces.push(Piece { place, id, target: target.clone(), offset });
            offset += u64::from(place.length);
            self.bytes += place.length as usize;
            if self.bytes >= BATCH || self.pieces.len() >= BATCH_PIECES {
                self.flush();
            }
        }
        Ok(())
    }

    fn flush(&mut self) {
        self.bytes = 0;
        self.writing.submit(std::mem::take(&mut self.pieces));
    }

    /// Links, devices and pipes, when every file is written.
    fn finish(&mut self) {
        for Later { branch, entry } in std::mem::take(&mut self.later) {
            let made = if self.spec.dry { Ok(()) } else { self.special(&branch, &entry) };
            if let Err(e) = made {
                self.writing.trouble(&branch.dir, &entry.name, &e);
            }
            self.writing.release(&branch);
        }
    }

    fn special(&self, branch: &Arc<Branch>, entry: &Entry) -> Result<()> {
        let to = branch.dir.open()?;
        let first = entry.link.and_then(|group| self.links.get(&group));
        match first.filter(|(b, name)| !Arc::ptr_eq(b, branch) || *name != entry.name) {
            Some((first, name)) => {
                let (from, to) = (first.dir.open()?, to.as_raw_fd());
                target::link(from.as_raw_fd(), name, to, &entry.name, self.spec.delete)
            }
            None => target::special(to.as_raw_fd(), entry, self.spec.delete),
        }
    }
}

/// Whether what stands there is on another mount than the folder it lies in.
fn is_mount(dir: &Dir) -> bool {
    let mount = |dir: &Dir| posix::mount(dir.open().ok()?.as_raw_fd());
    dir.parent().is_some_and(|parent| mount(parent) != mount(dir))
}

/// Where a file's data lies: its extents, or all of it from the start.
pub fn extents(entry: &Entry, data: u64) -> Result<Vec<(u64, u64)>> {
    let wrong = |what: &str| Error::Damaged(format!("file's {what}"));
    let Some(bytes) = entry.ext(EXT_EXTENTS) else {
        return match data == entry.size {
            true => Ok(vec![(0, data)]),
            false => Err(wrong("chunks do not add up to its size")),
        };
    };
    let word = |b: &[u8]| u64::from_le_bytes(b.try_into().expect("8 bytes"));
    let list: Vec<(u64, u64)> =
        bytes.chunks_exact(16).map(|c| (word(&c[..8]), word(&c[8..]))).collect();
    let (mut end, mut sum) = (0u64, 0u64);
    for (at, length) in &list {
        let next = at.checked_add(*length).filter(|n| *at >= end && *n <= entry.size);
        end = next.ok_or_else(|| wrong("extents overlap or pass its end"))?;
        sum += length;
    }
    if sum != data || bytes.len() % 16 != 0 {
        return Err(wrong("chunks do not add up to its extents"));
    }
    Ok(list)
}
