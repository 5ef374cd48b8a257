//! Walking a snapshot without restoring it: rows for `ls` and `find`, differences, structure
//! checks.

use crate::error::{Error, Result};
use crate::msgpack::Writer;
use crate::pack::Id;
use crate::page::{Content, Entry, DIR, FILE};
use crate::reader::Reader;
use crate::union::{Joined, Union};
use std::cmp::Ordering;

/// Rows handed over at once.
const BATCH: usize = 4096;

/// Rows of `[path, kind, mode, uid, gid, mtime s, mtime ns, size, link target, mark, keeps]`, each
/// batch one MessagePack array of arrays. `mark` is `+`, `-`, `M` (metadata) or `C` (content) in a
/// difference; `keeps` is 1 for a folder in which a restore deletes nothing.
pub struct Rows<'a> {
    emit: &'a mut dyn FnMut(Vec<u8>) -> Result<()>,
    writer: Writer,
    count: usize,
}

impl<'a> Rows<'a> {
    pub fn new(emit: &'a mut dyn FnMut(Vec<u8>) -> Result<()>) -> Rows<'a> {
        Rows { emit, writer: Writer::default(), count: 0 }
    }

    pub fn push(&mut self, path: &[u8], e: &Entry, mark: &str) -> Result<()> {
        let w = &mut self.writer;
        w.array(11);
        w.bin(path);
        [u32::from(e.kind), e.mode, e.uid, e.gid].iter().for_each(|n| w.uint(u64::from(*n)));
        w.int(e.mtime.0);
        w.uint(u64::from(e.mtime.1));
        w.uint(if e.kind == DIR { 0 } else { e.size });
        match &e.content {
            Content::Target(text) => w.bin(text),
            _ => w.nil(),
        }
        w.str(mark);
        w.uint(u64::from(e.keeps()));
        self.count += 1;
        if self.count == BATCH {
            return self.flush();
        }
        Ok(())
    }

    pub fn flush(&mut self) -> Result<()> {
        if self.count == 0 {
            return Ok(());
        }
        let mut head = Writer::default();
        head.array(self.count);
        head.out.append(&mut self.writer.out);
        self.count = 0;
        (self.emit)(head.out)
    }
}

fn join(base: &[u8], name: &[u8]) -> Vec<u8> {
    [base, b"/", name].concat()
}

/// Every entry below a folder, in order of paths.
pub fn tree(
    reader: &Reader,
    pages: &[Id],
    base: &[u8],
    recurse: bool,
    rows: &mut Rows,
) -> Result<()> {
    let mut stack = vec![(base.to_vec(), Union::new(pages).all(reader)?.into_iter())];
    while let Some((path, entries)) = stack.last_mut() {
        let Some(Joined { entry, below }) = entries.next() else {
            stack.pop();
            continue;
        };
        let full = join(path, &entry.name);
        rows.push(&full, &entry, "")?;
        if recurse && !below.is_empty() {
            stack.push((full, Union::new(&below).all(reader)?.into_iter()));
        }
    }
    rows.flush()
}

/// What changed from one folder to another; equal pages are never opened.
pub fn diff(
    old: &Reader,
    a: Vec<Id>,
    new: &Reader,
    b: Vec<Id>,
    base: &[u8],
    rows: &mut Rows,
) -> Result<()> {
    let mut stack = vec![(base.to_vec(), a, b)];
    while let Some((path, a, b)) = stack.pop() {
        if a == b {
            continue;
        }
        let (left, right) = (Union::new(&a).all(old)?, Union::new(&b).all(new)?);
        let (mut l, mut r) = (left.into_iter().peekable(), right.into_iter().peekable());
        let mut below = Vec::new();
        loop {
            let order = match (l.peek(), r.peek()) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(x), Some(y)) => x.entry.name.cmp(&y.entry.name),
            };
            let x = if order.is_le() { l.next() } else { None };
            let y = if order.is_ge() { r.next() } else { None };
            let some = x.as_ref().or(y.as_ref());
            let name = some.map(|j| j.entry.name.clone()).unwrap_or_default();
            let full = join(&path, &name);
            match (&x, &y) {
                (Some(x), None) => rows.push(&full, &x.entry, "-")?,
                (None, Some(y)) => rows.push(&full, &y.entry, "+")?,
                (Some(x), Some(y)) => {
                    if let Some(mark) = mark(&x.entry, &y.entry) {
                        rows.push(&full, &y.entry, mark)?;
                    }
                }
                (None, None) => {}
            }
            let (x, y) = (x.map_or(vec![], |j| j.below), y.map_or(vec![], |j| j.below));
            if x != y {
                below.push((full, x, y));
            }
        }
        stack.extend(below.into_iter().rev());
    }
    rows.flush()
}

fn mark(x: &Entry, y: &Entry) -> Option<&'static str> {
    let same_content = match (&x.content, &y.content) {
        (Content::Dir(..), Content::Dir(..)) => true,
        (a, b) => a == b && x.size == y.size,
    };
    let bare = |e: &Entry| Entry { content: Content::None, size: 0, ..e.clone() };
    match (x.kind == y.kind && same_content, bare(x) == bare(y)) {
        (false, _) => Some("C"),
        (true, false) => Some("M"),
        _ => None,
    }
}

/// Visits everything a snapshot needs; `broken` gets each path with what is wrong with it.
pub fn check(
    reader: &Reader,
    page: &Id,
    seen: &mut std::collections::HashSet<Id>,
    damaged: &dyn Fn(&Id) -> bool,
    broken: &mut dyn FnMut(Vec<u8>, String),
) -> (u64, u64) {
    let (mut files, mut chunks) = (0, 0);
    let mut stack = vec![(Vec::new(), *page, 0)];
    while let Some((path, page, below)) = stack.pop() {
        // The same folder in another snapshot, or elsewhere in this one.
        if !seen.insert(page) {
            files += below;
            continue;
        }
        let entries = match Union::new(&[page]).all(reader) {
            Ok(entries) => entries,
            Err(e) => {
                broken(
                    if path.is_empty() { b"/".to_vec() } else { path },
                    format!("folder cannot be read: {e}"),
                );
                continue;
            }
        };
        for Joined { entry, .. } in entries {
            let full = join(&path, &entry.name);
            files += u64::from(entry.kind == FILE);
            if let Content::Dir(id, summary) = entry.content {
                stack.push((full, id, summary.files));
                continue;
            }
            if let Content::Refused(why) = &entry.content {
                broken(full, why.clone());
                continue;
            }
            match file(reader, &entry, damaged) {
                Ok(n) => chunks += n,
                Err(e) => broken(full, e.to_string()),
            }
        }
    }
    (files, chunks)
}

fn file(reader: &Reader, entry: &Entry, damaged: &dyn Fn(&Id) -> bool) -> Result<u64> {
    if entry.kind != FILE {
        return Ok(0);
    }
    let ids = reader.chunk_ids(&entry.content)?;
    let mut sum = 0;
    for id in &ids {
        sum += u64::from(reader.place(id)?.length);
        if damaged(id) {
            return Err(Error::Damaged("its data lies in a damaged pack".into()));
        }
    }
    crate::restore::extents(entry, sum)?;
    Ok(ids.len() as u64)
}
