//! A folder's entries leaf by leaf: a folder with a million entries is never held whole.

use crate::error::{Error, Result};
use crate::pack::Id;
use crate::page::{Entry, Page};
use crate::reader::Reader;

pub struct Leaves {
    /// Pages still to be visited, the next one last.
    left: Vec<Id>,
    /// The name that the leaf before ended with: names are in order over all pages, each once.
    last: Vec<u8>,
}

impl Leaves {
    pub fn new(page: Id) -> Leaves {
        Leaves { left: vec![page], last: Vec::new() }
    }

    /// The entries of the next leaf, in order. After an error the rest can still be asked for.
    pub fn next(&mut self, reader: &Reader) -> Option<Result<Vec<Entry>>> {
        while let Some(id) = self.left.pop() {
            match reader.page(&id) {
                Ok(Page::Leaf(entries)) => return Some(self.follows(entries)),
                Ok(Page::Node(children)) => self.left.extend(children.iter().rev().map(|c| c.1)),
                Ok(_) => {
                    let what = "hints where a folder's page should be";
                    return Some(Err(Error::Damaged(what.into())));
                }
                Err(e) => return Some(Err(e)),
            }
        }
        None
    }

    fn follows(&mut self, entries: Vec<Entry>) -> Result<Vec<Entry>> {
        if entries.first().is_some_and(|e| e.name <= self.last) {
            return Err(Error::Damaged("a page's names do not follow those of the last".into()));
        }
        if let Some(last) = entries.last() {
            self.last.clone_from(&last.name);
        }
        Ok(entries)
    }
}
