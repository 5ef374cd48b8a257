//! What the parent snapshot knew of a folder: its entries in order, with their hints, page by page.
//!
//! What cannot be read of the parent is read from the source again: never an error.

use crate::pack::Id;
use crate::page::{Entry, Hint, Page, DIR};
use crate::reader::Reader;
use std::iter::Peekable;
use std::vec::IntoIter;

/// One entry of the parent. `below`: the hints of a folder's own entries.
pub struct Known {
    pub entry: Entry,
    pub hint: Hint,
    pub below: Option<Id>,
}

/// A page and the hints that lie beside it.
pub type Root = (Id, Option<Id>);

pub struct Before {
    pages: Vec<IntoIter<Root>>,
    leaf: Peekable<IntoIter<Known>>,
}

impl Before {
    pub fn new(root: Option<Root>) -> Before {
        let first: Vec<Root> = root.into_iter().collect();
        Before { pages: vec![first.into_iter()], leaf: Vec::new().into_iter().peekable() }
    }

    /// The entry of this name. Names are asked for in order, each once.
    pub fn take(&mut self, reader: &Reader, name: &[u8]) -> Option<Known> {
        loop {
            match self.leaf.peek() {
                Some(known) if known.entry.name[..] < *name => drop(self.leaf.next()),
                Some(known) if known.entry.name[..] == *name => return self.leaf.next(),
                Some(_) => return None,
                None => self.leaf = self.next_leaf(reader)?.into_iter().peekable(),
            }
        }
    }

    fn next_leaf(&mut self, reader: &Reader) -> Option<Vec<Known>> {
        loop {
            let Some((page, hints)) = self.pages.last_mut()?.next() else {
                self.pages.pop();
                continue;
            };
            match reader.page(&page) {
                Ok(Page::Leaf(entries)) => return Some(join(entries, hint_leaf(reader, hints))),
                Ok(Page::Node(children)) => {
                    let ids: Vec<Id> = children.iter().map(|c| c.1).collect();
                    let beside = hint_node(reader, hints, ids.len());
                    let both = ids.into_iter().zip(beside);
                    self.pages.push(both.collect::<Vec<Root>>().into_iter());
                }
                _ => {}
            }
        }
    }
}

pub fn hint_leaf(reader: &Reader, id: Option<Id>) -> (Vec<Hint>, Vec<Id>) {
    match id.map(|id| reader.page(&id)) {
        Some(Ok(Page::HintLeaf(hints, below))) => (hints, below),
        _ => Default::default(),
    }
}

pub fn hint_node(reader: &Reader, id: Option<Id>, count: usize) -> Vec<Option<Id>> {
    match id.map(|id| reader.page(&id)) {
        Some(Ok(Page::HintNode(ids))) if ids.len() == count => ids.into_iter().map(Some).collect(),
        _ => vec![None; count],
    }
}

/// Hints that do not fit their page say nothing.
pub fn join(entries: Vec<Entry>, (hints, below): (Vec<Hint>, Vec<Id>)) -> Vec<Known> {
    let folders = entries.iter().filter(|e| e.kind == DIR).count();
    let fits = hints.len() == entries.len() && below.len() == folders;
    let mut hints = hints.into_iter().filter(|_| fits);
    let mut below = below.into_iter().filter(|_| fits);
    let known = |entry: Entry| Known {
        below: if entry.kind == DIR { below.next() } else { None },
        hint: hints.next().unwrap_or_default(),
        entry,
    };
    entries.into_iter().map(known).collect()
}
