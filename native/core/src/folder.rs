//! One folder while it is being saved: its handle, its entries so far, and its pages at the end.

use crate::error::Result;
use crate::msgpack::Writer;
use crate::pack::Id;
use crate::page::{Entry, Hint, Page, Summary, BOUNDARY, PAGE_LIMIT};
use crate::posix::{open_beneath, Stat};
use crate::worker::Worker;
use ignore::gitignore::Gitignore;
use std::collections::BTreeMap;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Which entries of a folder are wanted: all of them, or the beginnings of chosen paths.
#[derive(Default, Debug)]
pub struct Choice {
    pub all: bool,
    pub below: BTreeMap<Vec<u8>, Choice>,
}

impl Choice {
    pub fn add(&mut self, path: &[Vec<u8>]) {
        match path.split_first() {
            None => self.all = true,
            Some((first, rest)) => self.below.entry(first.clone()).or_default().add(rest),
        }
    }
}

/// Ignore rules of one folder, on top of its parents'.
pub struct Rules {
    pub own: Gitignore,
    pub above: Option<Arc<Rules>>,
}

impl Rules {
    pub fn ignores(&self, path: &std::path::Path, is_dir: bool) -> bool {
        let mut level = Some(self);
        while let Some(rules) = level {
            let found = rules.own.matched(path, is_dir);
            if !found.is_none() {
                return found.is_ignore();
            }
            level = rules.above.as_deref();
        }
        false
    }
}

/// One saved entry. `below`: the hints of a folder.
pub struct Saved {
    pub entry: Entry,
    pub hint: Hint,
    pub below: Option<Id>,
}

pub struct Folder {
    pub parent: Option<(Arc<Folder>, usize)>,
    pub name: Vec<u8>,
    pub choice: Option<Choice>,
    pub before: Option<(Id, Option<Id>)>,
    pub filesystem: Option<(u32, u32)>,
    pub handle: Mutex<Option<Arc<OwnedFd>>>,
    pub rules: Mutex<Option<Arc<Rules>>>,
    pub saved: Mutex<Vec<Option<Saved>>>,
    /// The scan itself and every entry still under way.
    pub pending: AtomicUsize,
}

/// Folder handles kept open at once; others are opened again from the nearest open ancestor.
const HANDLES: usize = 256;
pub static OPEN: AtomicUsize = AtomicUsize::new(0);

impl Folder {
    pub fn new(parent: Option<(Arc<Folder>, usize)>, name: Vec<u8>) -> Folder {
        Folder {
            parent,
            name,
            choice: None,
            before: None,
            filesystem: None,
            handle: Mutex::new(None),
            rules: Mutex::new(None),
            saved: Mutex::default(),
            pending: AtomicUsize::new(1),
        }
    }

    /// The full path, for messages and ignore rules.
    pub fn path(&self, last: &[u8]) -> Vec<u8> {
        let mut parts = vec![last];
        let mut at = Some(self);
        while let Some(folder) = at {
            parts.push(&folder.name);
            at = folder.parent.as_ref().map(|(p, _)| &**p);
        }
        parts.reverse();
        let mut out = parts.join(&b'/');
        if out.is_empty() {
            out.push(b'/');
        }
        out
    }

    /// An open handle of this folder, opened name by name from the nearest ancestor that has one.
    pub fn open(&self) -> Result<Arc<OwnedFd>> {
        let mut names = Vec::new();
        let mut at = self;
        let base = loop {
            if let Some(fd) = &*at.handle.lock().expect("no panic") {
                break fd.clone();
            }
            names.push(at.name.clone());
            at = &at.parent.as_ref().expect("the root is always open").0;
        };
        if names.is_empty() {
            return Ok(base);
        }
        names.reverse();
        Ok(Arc::new(open_beneath(base.as_raw_fd(), &names)?))
    }

    /// Keeps the handle for this folder's folders, if there is room.
    pub fn keep(&self, handle: &Arc<OwnedFd>) {
        let mut own = self.handle.lock().expect("no panic");
        if own.is_none() && OPEN.load(Ordering::Relaxed) < HANDLES {
            OPEN.fetch_add(1, Ordering::Relaxed);
            *own = Some(handle.clone());
        }
    }

    pub fn put(&self, index: usize, saved: Saved) {
        self.saved.lock().expect("no panic")[index] = Some(saved);
    }
}

impl Drop for Folder {
    /// Lets go of ancestors in a loop: a recursion would end the stack in a deep tree.
    fn drop(&mut self) {
        if self.parent.is_some() && self.handle.lock().expect("no panic").take().is_some() {
            OPEN.fetch_sub(1, Ordering::Relaxed);
        }
        let mut next = self.parent.take();
        while let Some((folder, _)) = next {
            next = match Arc::try_unwrap(folder) {
                Ok(mut last) => last.parent.take(),
                Err(_) => None,
            };
        }
    }
}

pub fn hint(stat: &Stat, racy_from: (i64, u32)) -> Hint {
    let inode = if stat.ctime >= racy_from { 0 } else { stat.inode };
    Hint { inode, ctime: stat.ctime }
}

/// Writes a finished folder's pages and hints; returns both roots and the summary of it all.
pub fn pages(
    worker: &mut Worker,
    saved: Vec<Saved>,
    page_key: &[u8; 32],
) -> Result<(Id, Id, Summary)> {
    let mut level: Vec<(Vec<u8>, Id, Summary)> = Vec::new();
    let mut hints: Vec<Id> = Vec::new();
    let mut leaf = Leaf::default();
    let many = saved.len() > 64;
    for item in saved {
        let mut w = Writer::default();
        item.entry.encode(&mut w);
        if leaf.bytes + w.out.len() > PAGE_LIMIT && !leaf.entries.is_empty() {
            leaf.write(worker, &mut level, &mut hints)?;
        }
        let boundary = many && ends_page(page_key, &item.entry.name);
        leaf.bytes += w.out.len();
        leaf.summary.add(&item.entry.summary());
        leaf.entries.push(item.entry);
        leaf.hints.push(item.hint);
        leaf.below.extend(item.below);
        if boundary {
            leaf.write(worker, &mut level, &mut hints)?;
        }
    }
    if !leaf.entries.is_empty() || level.is_empty() {
        leaf.write(worker, &mut level, &mut hints)?;
    }
    while level.len() > 1 {
        (level, hints) = above(worker, &level, &hints)?;
    }
    let (_, id, summary) = level.pop().expect("at least one page");
    Ok((id, hints[0], summary))
}

/// One level of nodes over pages: a node ends where a page id's low bits are zero.
#[allow(clippy::type_complexity)]
fn above(
    worker: &mut Worker,
    level: &[(Vec<u8>, Id, Summary)],
    hints: &[Id],
) -> Result<(Vec<(Vec<u8>, Id, Summary)>, Vec<Id>)> {
    let (mut up, mut up_hints, mut start) = (Vec::new(), Vec::new(), 0);
    for end in 1..=level.len() {
        let full = end - start >= 8 && level[end - 1].1[0] & 63 == 0 || end - start == 1024;
        if !full && end < level.len() {
            continue;
        }
        let part = &level[start..end];
        let mut summary = Summary::default();
        part.iter().for_each(|p| summary.add(&p.2));
        let id = worker.page(&Page::Node(part.to_vec()))?;
        up.push((part[0].0.clone(), id, summary));
        up_hints.push(worker.page(&Page::HintNode(hints[start..end].to_vec()))?);
        start = end;
    }
    Ok((up, up_hints))
}

fn ends_page(key: &[u8; 32], name: &[u8]) -> bool {
    let hash = blake3::keyed_hash(key, name);
    u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("8 bytes")) & BOUNDARY == 0
}

#[derive(Default)]
struct Leaf {
    entries: Vec<Entry>,
    hints: Vec<Hint>,
    below: Vec<Id>,
    summary: Summary,
    bytes: usize,
}

impl Leaf {
    fn write(
        &mut self,
        worker: &mut Worker,
        level: &mut Vec<(Vec<u8>, Id, Summary)>,
        hints: &mut Vec<Id>,
    ) -> Result<()> {
        let leaf = std::mem::take(self);
        let first = leaf.entries.first().map(|e| e.name.clone()).unwrap_or_default();
        let id = worker.page(&Page::Leaf(leaf.entries))?;
        level.push((first, id, leaf.summary));
        hints.push(worker.page(&Page::HintLeaf(leaf.hints, leaf.below))?);
        Ok(())
    }
}
