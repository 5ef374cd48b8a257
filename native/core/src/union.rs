//! The same folder of several state units as one: entries merged by name, leaf by leaf. Folders of
//! one name are one folder; of anything else, and of metadata, a unit that saved all of it wins.

use crate::error::Result;
use crate::leaves::Leaves;
use crate::pack::Id;
use crate::page::{Content, Entry, EXT_PARTIAL};
use crate::reader::Reader;
use std::iter::Peekable;
use std::vec::IntoIter;

/// Entries handed over at once where several units are merged.
const BATCH: usize = 1024;

/// An entry, and the pages of what lies below it: one for each unit that has the folder.
pub struct Joined {
    pub entry: Entry,
    pub below: Vec<Id>,
}

impl From<Entry> for Joined {
    fn from(entry: Entry) -> Joined {
        let below = match &entry.content {
            Content::Dir(page, _) => vec![*page],
            _ => vec![],
        };
        Joined { entry, below }
    }
}

pub struct Union {
    sources: Vec<Source>,
    /// What went wrong behind the entries that were handed over last.
    failed: Option<crate::error::Error>,
}

struct Source {
    leaves: Leaves,
    ahead: Peekable<IntoIter<Entry>>,
}

impl Source {
    /// Makes the next entry seen, if there is one.
    fn fill(&mut self, reader: &Reader) -> Result<()> {
        while self.ahead.peek().is_none() {
            let Some(leaf) = self.leaves.next(reader) else { break };
            self.ahead = leaf?.into_iter().peekable();
        }
        Ok(())
    }
}

impl Union {
    pub fn new(pages: &[Id]) -> Union {
        let source = |page: &Id| Source {
            leaves: Leaves::new(*page),
            ahead: Vec::new().into_iter().peekable(),
        };
        Union { sources: pages.iter().map(source).collect(), failed: None }
    }

    /// The next entries in order. After an error the rest can still be asked for.
    pub fn next(&mut self, reader: &Reader) -> Option<Result<Vec<Joined>>> {
        if let [only] = &mut self.sources[..] {
            let leaf = only.leaves.next(reader)?;
            return Some(leaf.map(|entries| entries.into_iter().map(Joined::from).collect()));
        }
        if let Some(e) = self.failed.take() {
            return Some(Err(e));
        }
        let mut out = Vec::new();
        while out.len() < BATCH {
            let filled = self.sources.iter_mut().try_for_each(|s| s.fill(reader));
            if let Err(e) = filled {
                self.failed = Some(e);
                break;
            }
            let names = self.sources.iter_mut().filter_map(|s| s.ahead.peek());
            let Some(name) = names.map(|e| &e.name).min().cloned() else { break };
            let same = self.sources.iter_mut().filter_map(|s| s.ahead.next_if(|e| e.name == name));
            out.push(join(same.collect()));
        }
        if out.is_empty() {
            return self.failed.take().map(Err);
        }
        Some(Ok(out))
    }

    /// All that is left.
    pub fn all(mut self, reader: &Reader) -> Result<Vec<Joined>> {
        let mut out = Vec::new();
        while let Some(entries) = self.next(reader) {
            out.extend(entries?);
        }
        Ok(out)
    }
}

fn join(mut same: Vec<Entry>) -> Joined {
    let whole = same.iter().position(|e| e.ext(EXT_PARTIAL).is_none());
    let first = same.remove(whole.unwrap_or(0));
    let mut joined = Joined::from(first);
    let Content::Dir(page, mut summary) = joined.entry.content else { return joined };
    for other in same {
        let Content::Dir(id, inside) = other.content else { continue };
        summary.add(&inside);
        if !joined.below.contains(&id) {
            joined.below.push(id);
        }
    }
    joined.entry.content = Content::Dir(page, summary);
    joined
}

/// The entry that a sequence of names leads to.
pub fn find(reader: &Reader, roots: &[Id], path: &[Vec<u8>]) -> Result<Option<Joined>> {
    let mut pages = roots.to_vec();
    for (i, name) in path.iter().enumerate() {
        let mut union = Union::new(&pages);
        let found = loop {
            match union.next(reader).transpose()? {
                None => break None,
                Some(some) => match some.into_iter().find(|j| &j.entry.name == name) {
                    None => {}
                    found => break found,
                },
            }
        };
        match found {
            Some(joined) if i + 1 == path.len() => return Ok(Some(joined)),
            Some(Joined { below, .. }) if !below.is_empty() => pages = below,
            _ => return Ok(None),
        }
    }
    Ok(None)
}
