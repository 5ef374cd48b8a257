//! Writing a folder's pages and hints as its entries come, in order: only one leaf is ever held.

use crate::error::Result;
use crate::msgpack::Writer;
use crate::pack::Id;
use crate::page::{Entry, Hint, Page, Summary, BOUNDARY, LEAF, PAGE_LIMIT};
use crate::worker::Worker;

/// One saved entry. `below`: the hints of a folder's own entries.
pub struct Saved {
    pub entry: Entry,
    pub hint: Hint,
    pub below: Option<Id>,
}

/// The roots of a finished folder's pages and hints, and what lies below them.
#[derive(Clone, Copy)]
pub struct Roots {
    pub page: Id,
    pub hints: Id,
    pub summary: Summary,
}

/// A page whose first entries are fewer than this does not end at a boundary.
const FEWEST: usize = 64;

struct Written {
    first: Vec<u8>,
    page: Id,
    hints: Id,
    summary: Summary,
}

#[derive(Default)]
pub struct Pages {
    level: Vec<Written>,
    first: Vec<u8>,
    entries: Writer,
    count: usize,
    hints: Vec<Hint>,
    below: Vec<Id>,
    summary: Summary,
}

impl Pages {
    pub fn push(&mut self, worker: &mut Worker, saved: Saved) -> Result<()> {
        let before = self.entries.out.len();
        saved.entry.encode(&mut self.entries);
        if self.entries.out.len() > PAGE_LIMIT && self.count > 0 {
            let last = self.entries.out.split_off(before);
            self.leaf(worker)?;
            self.entries.out = last;
        }
        if self.count == 0 {
            self.first.clone_from(&saved.entry.name);
        }
        self.count += 1;
        self.summary.add(&saved.entry.summary());
        self.hints.push(saved.hint);
        self.below.extend(saved.below);
        if self.count >= FEWEST && ends_page(worker.page_key(), &saved.entry.name) {
            self.leaf(worker)?;
        }
        Ok(())
    }

    fn leaf(&mut self, worker: &mut Worker) -> Result<()> {
        let mut leaf = Writer::default();
        leaf.array(3);
        leaf.uint(LEAF);
        leaf.array(self.count);
        leaf.out.append(&mut self.entries.out);
        leaf.array(0);
        let page = worker.page(leaf.out)?;
        let (hints, below) = (std::mem::take(&mut self.hints), std::mem::take(&mut self.below));
        let hints = worker.page(Page::HintLeaf(hints, below).encode())?;
        let first = std::mem::take(&mut self.first);
        self.level.push(Written { first, page, hints, summary: std::mem::take(&mut self.summary) });
        self.count = 0;
        Ok(())
    }

    pub fn finish(mut self, worker: &mut Worker) -> Result<Roots> {
        if self.count > 0 || self.level.is_empty() {
            self.leaf(worker)?;
        }
        while self.level.len() > 1 {
            self.level = above(worker, &self.level)?;
        }
        let Written { page, hints, summary, .. } = self.level.pop().expect("at least one page");
        Ok(Roots { page, hints, summary })
    }
}

/// One level of nodes over pages: a node ends where a page id's low bits are zero.
fn above(worker: &mut Worker, level: &[Written]) -> Result<Vec<Written>> {
    let (mut up, mut start) = (Vec::new(), 0);
    for end in 1..=level.len() {
        let full = end - start >= 8 && level[end - 1].page[0] & 63 == 0 || end - start == 1024;
        if !full && end < level.len() {
            continue;
        }
        let part = &level[start..end];
        let mut summary = Summary::default();
        part.iter().for_each(|p| summary.add(&p.summary));
        let children = part.iter().map(|p| (p.first.clone(), p.page, p.summary)).collect();
        let page = worker.page(Page::Node(children).encode())?;
        let hints = Page::HintNode(part.iter().map(|p| p.hints).collect());
        let hints = worker.page(hints.encode())?;
        up.push(Written { first: part[0].first.clone(), page, hints, summary });
        start = end;
    }
    Ok(up)
}

fn ends_page(key: &[u8; 32], name: &[u8]) -> bool {
    let hash = blake3::keyed_hash(key, name);
    u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("8 bytes")) & BOUNDARY == 0
}
