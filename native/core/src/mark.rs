//! Marking: every chunk that can be reached from the roots of snapshots, each visited once.

use crate::error::{Error, Result};
use crate::id_set::IdSet;
use crate::pack::Id;
use crate::page::{Content, Entry, Page};
use crate::reader::{Reader, LIST};

/// What was reached: chunks and their plaintext bytes; those that no trusted pack holds; and how
/// many no pack holds at all.
#[derive(Default, Debug, PartialEq)]
pub struct Marked {
    pub chunks: u64,
    pub bytes: u64,
    pub lacking: u64,
    pub lost: u64,
    /// Where one that is lost belongs.
    pub example: Option<Id>,
}

pub struct Marking<'a> {
    pub reader: &'a Reader,
    pub needed: &'a IdSet,
    pub cancelled: &'a dyn Fn() -> bool,
    pub marked: Marked,
}

impl Marking<'_> {
    /// Pages, and all that they need. What is seen a second time was followed the first time.
    pub fn pages(&mut self, roots: &[Id]) -> Result<()> {
        let mut left = roots.to_vec();
        while let Some(id) = left.pop() {
            if !self.visit(&id) {
                continue;
            }
            match self.page(&id)? {
                Page::Leaf(entries) => {
                    for entry in &entries {
                        left.extend(self.entry(entry)?);
                    }
                }
                Page::Node(children) => left.extend(children.iter().map(|c| c.1)),
                _ => return Err(Error::Damaged("hints where a folder's page should be".into())),
            }
        }
        Ok(())
    }

    /// Pages of hints. They only save work: one that cannot be read is no loss.
    pub fn hints(&mut self, roots: &[Id]) -> Result<()> {
        let mut left = roots.to_vec();
        while let Some(id) = left.pop() {
            if self.reader.table.place(&id).is_none() || !self.visit(&id) {
                continue;
            }
            match self.page(&id) {
                Ok(Page::HintLeaf(_, below)) => left.extend(below),
                Ok(Page::HintNode(below)) => left.extend(below),
                Err(Error::Cancelled) => return Err(Error::Cancelled),
                _ => {}
            }
        }
        Ok(())
    }

    fn page(&self, id: &Id) -> Result<Page> {
        if (self.cancelled)() {
            return Err(Error::Cancelled);
        }
        self.reader.page(id)
    }

    /// The page of a folder's own entries; the chunks of a file are visited here.
    fn entry(&mut self, entry: &Entry) -> Result<Option<Id>> {
        let ids = |bytes: &[u8]| -> Vec<Id> {
            bytes.chunks_exact(32).map(|c| c.try_into().expect("32 bytes")).collect()
        };
        match &entry.content {
            Content::Dir(page, _) => return Ok(Some(*page)),
            Content::Ids(bytes) => {
                ids(bytes).iter().for_each(|id| {
                    self.visit(id);
                });
            }
            Content::List(levels, bytes) => {
                let mut left: Vec<(u64, Id)> =
                    ids(bytes).into_iter().map(|id| (*levels, id)).collect();
                while let Some((level, id)) = left.pop() {
                    if self.visit(&id) && level > 0 {
                        let list = self.reader.chunk(LIST, &id)?;
                        left.extend(ids(&list).into_iter().map(|id| (level - 1, id)));
                    }
                }
            }
            // What a later version put there may need chunks that this one cannot see.
            Content::Refused(why) => return Err(Error::Newer(why.clone())),
            Content::None | Content::Target(_) | Content::Device(..) => {}
        }
        Ok(None)
    }

    /// True for a chunk that is new and can be read.
    fn visit(&mut self, id: &Id) -> bool {
        if !self.needed.insert(id) {
            return false;
        }
        self.marked.chunks += 1;
        let table = &self.reader.table;
        match table.place(id) {
            Some(place) => {
                self.marked.bytes += u64::from(place.length);
                self.marked.lacking += u64::from(!table.has(id));
                true
            }
            None => {
                self.marked.lost += 1;
                self.marked.example.get_or_insert(*id);
                false
            }
        }
    }
}
