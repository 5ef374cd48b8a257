//! Bringing chunks from one repository into another: single chunks under the same keys, or whole
//! manifests that are made anew under others.
//!
//! Commit point: none here. On return everything is durable and indexed; the caller puts the
//! snapshot that makes it count.

use crate::before::{self, Before, Known};
use crate::error::{Error, Result};
use crate::gather::Gather;
use crate::id_set::IdSet;
use crate::index::PackName;
use crate::pack::Id;
use crate::page::{Content, Page, DIR, FILE};
use crate::pages::{Pages, Roots, Saved};
use crate::reader::Reader;
use crate::survey;
use std::collections::{HashSet, VecDeque};
use std::sync::atomic::Ordering;

/// Ids that are gathered before they are brought over.
const TOGETHER: usize = 64 << 10;

/// Under the same keys: all below the roots that is neither there nor in one of the packs that were
/// copied whole.
pub fn chunks(gather: &mut Gather, roots: &[Id], whole: &HashSet<PackName>) -> Result<()> {
    let (reader, there) = (gather.reader.clone(), gather.chunks.table.clone());
    let sink = gather.chunks.sink.clone();
    let mut wanted = Vec::new();
    survey::each(&reader, roots, &IdSet::default(), &mut |_, id| {
        if sink.cancelled.load(Ordering::Relaxed) {
            return Err(Error::Cancelled);
        }
        let place = reader.place(id)?;
        if there.has(id) || whole.contains(&reader.table.packs[place.pack as usize].key()) {
            return Ok(());
        }
        wanted.push(*id);
        if wanted.len() < TOGETHER {
            return Ok(());
        }
        gather.bring(&std::mem::take(&mut wanted)).map(drop)
    })?;
    gather.bring(&wanted)?;
    gather.finish()
}

/// A manifest that both repositories have: its root here, its root there.
pub type Common = (Id, Id);

/// One folder being made anew.
struct Frame {
    trail: Trail,
    /// The same folder in the common manifest, here and there.
    common: Option<(Before, Before)>,
    pages: Pages,
    waiting: VecDeque<(Known, Option<Common>)>,
    /// The entry in the folder above that waits for this one.
    own: Option<Known>,
}

/// Under other keys: a manifest made anew. What a common manifest has with the same content is not
/// read again, if every chunk of it is still there.
pub fn manifest(
    gather: &mut Gather,
    there: &Reader,
    root: before::Root,
    common: Option<Common>,
) -> Result<Roots> {
    let mut stack = vec![frame(root, common, None)];
    loop {
        let top = stack.last_mut().expect("the root ends the loop");
        if let Some((known, below)) = top.waiting.pop_front() {
            match known.entry.content {
                Content::Dir(page, _) => {
                    let hints = known.below;
                    stack.push(frame((page, hints), below, Some(known)));
                }
                _ => top.pages.push(gather.first(), saved(known, None))?,
            }
            continue;
        }
        if let Some(leaf) = top.trail.next(&gather.reader)? {
            top.waiting = convert(gather, there, leaf, top.common.as_mut())?;
            continue;
        }
        let Frame { pages, own, .. } = stack.pop().expect("seen above");
        let roots = pages.finish(gather.first())?;
        let (Some(mut known), Some(above)) = (own, stack.last_mut()) else {
            gather.finish()?;
            return Ok(roots);
        };
        known.entry.content = Content::Dir(roots.page, roots.summary);
        above.pages.push(gather.first(), saved(known, Some(roots.hints)))?;
    }
}

fn frame(root: before::Root, common: Option<Common>, own: Option<Known>) -> Frame {
    let before = |page| Before::new(Some((page, None)));
    let common = common.map(|(here, there)| (before(here), before(there)));
    Frame {
        trail: Trail(vec![root]),
        common,
        pages: Pages::default(),
        waiting: VecDeque::new(),
        own,
    }
}

fn saved(Known { entry, hint, .. }: Known, below: Option<Id>) -> Saved {
    Saved { entry, hint, below }
}

/// The entries of a leaf with the ids that their chunks have there.
fn convert(
    gather: &mut Gather,
    there: &Reader,
    leaf: Vec<Known>,
    mut common: Option<&mut (Before, Before)>,
) -> Result<VecDeque<(Known, Option<Common>)>> {
    let (mut out, mut ids, mut files) = (VecDeque::new(), Vec::new(), Vec::new());
    for mut known in leaf {
        if let Content::Refused(why) = &known.entry.content {
            return Err(Error::Newer(why.clone()));
        }
        let both = common.as_mut().and_then(|(here, away)| {
            let name = &known.entry.name;
            Some((here.take(&gather.reader, name)?.entry, away.take(there, name)?.entry))
        });
        let mut below = None;
        match (known.entry.kind, both) {
            (DIR, Some((a, b))) => {
                if let (Content::Dir(here, _), Content::Dir(away, _)) = (a.content, b.content) {
                    below = Some((here, away));
                }
            }
            (FILE, Some((a, b))) if same(&a, &known.entry, &b) && held(there, &b.content) => {
                known.entry.content = b.content;
            }
            (FILE, _) => {
                let own = gather.reader.chunk_ids(&known.entry.content)?;
                crate::restore::extents(&known.entry, length(&gather.reader, &own)?)?;
                files.push((out.len(), own.len()));
                ids.extend(own);
            }
            _ => {}
        }
        out.push_back((known, below));
    }
    let brought = gather.bring(&ids)?;
    let mut rest = &brought[..];
    for (at, count) in files {
        let (own, after) = rest.split_at(count);
        out[at].0.entry.content = gather.first().content(own.concat())?;
        rest = after;
    }
    Ok(out)
}

/// Whether a file is the one that the common manifest has, here and there.
fn same(here: &crate::page::Entry, new: &crate::page::Entry, there: &crate::page::Entry) -> bool {
    here.kind == FILE
        && there.kind == FILE
        && here.content == new.content
        && here.size == new.size
        && there.size == new.size
}

/// Whether each chunk of a file is there, its lists among them.
fn held(there: &Reader, content: &Content) -> bool {
    let lists = match content {
        Content::List(_, ids) => {
            ids.chunks_exact(32).all(|id| there.table.has(id.try_into().expect("32 bytes")))
        }
        _ => true,
    };
    lists && there.chunk_ids(content).is_ok_and(|ids| ids.iter().all(|id| there.table.has(id)))
}

fn length(reader: &Reader, ids: &[Id]) -> Result<u64> {
    ids.iter().map(|id| Ok(u64::from(reader.place(id)?.length))).sum()
}

/// A folder's pages that are still to be visited, the next one last.
struct Trail(Vec<before::Root>);

impl Trail {
    fn next(&mut self, reader: &Reader) -> Result<Option<Vec<Known>>> {
        while let Some((page, hints)) = self.0.pop() {
            match reader.page(&page)? {
                Page::Leaf(entries) => {
                    return Ok(Some(before::join(entries, before::hint_leaf(reader, hints))));
                }
                Page::Node(children) => {
                    let beside = before::hint_node(reader, hints, children.len());
                    let both = children.iter().map(|c| c.1).zip(beside);
                    self.0.extend(both.rev());
                }
                _ => {
                    let what = "hints where a folder's page should be";
                    return Err(Error::Damaged(what.into()));
                }
            }
        }
        Ok(None)
    }
}
