//! Every chunk below some roots, each once; and how much of them another repository lacks, pack by
//! pack. What cannot be read ends the walk: a snapshot is brought whole or not at all.

use crate::error::{Error, Result};
use crate::id_set::IdSet;
use crate::index::Place;
use crate::pack::Id;
use crate::page::{Content, Page};
use crate::reader::{Reader, DATA, LIST, PAGE};
use std::collections::{HashMap, HashSet};

/// Visits pages, hints, lists and data chunks below the roots that `seen` does not have.
pub fn each(
    reader: &Reader,
    roots: &[Id],
    seen: &IdSet,
    act: &mut dyn FnMut(u8, &Id) -> Result<()>,
) -> Result<()> {
    let mut stack = roots.to_vec();
    while let Some(page) = stack.pop() {
        if !seen.insert(&page) {
            continue;
        }
        act(PAGE, &page)?;
        match reader.page(&page)? {
            Page::Node(children) => stack.extend(children.iter().map(|c| c.1)),
            Page::HintNode(ids) | Page::HintLeaf(_, ids) => stack.extend(ids),
            Page::Leaf(entries) => {
                for entry in entries {
                    match &entry.content {
                        Content::Dir(id, _) => stack.push(*id),
                        Content::Refused(why) => return Err(Error::Newer(why.clone())),
                        content => data(reader, content, seen, act)?,
                    }
                }
            }
        }
    }
    Ok(())
}

fn split(ids: &[u8]) -> impl Iterator<Item = Id> + '_ {
    ids.chunks_exact(32).map(|c| c.try_into().expect("32 bytes"))
}

/// The lists and chunks of one file.
fn data(
    reader: &Reader,
    content: &Content,
    seen: &IdSet,
    act: &mut dyn FnMut(u8, &Id) -> Result<()>,
) -> Result<()> {
    let mut stack: Vec<(u64, Id)> = match content {
        Content::Ids(ids) => split(ids).map(|id| (0, id)).collect(),
        Content::List(level, ids) => split(ids).map(|id| (*level, id)).collect(),
        _ => return Ok(()),
    };
    while let Some((level, id)) = stack.pop() {
        if !seen.insert(&id) {
            continue;
        }
        if level == 0 {
            act(DATA, &id)?;
            continue;
        }
        act(LIST, &id)?;
        let list = reader.chunk(LIST, &id)?;
        if list.len() % 32 != 0 {
            return Err(Error::Damaged("list of ids of a wrong length".into()));
        }
        stack.extend(split(&list).map(|below| (level - 1, below)));
    }
    Ok(())
}

/// What is needed of one pack.
#[derive(Default, Clone, PartialEq, Debug)]
pub struct Need {
    pub pack: u32,
    pub chunks: u64,
    /// Plaintext bytes of the chunks that are needed, and of all that the pack holds.
    pub bytes: u64,
    pub whole: u64,
    /// Stored bytes of the blocks that hold what is needed, and how many these are.
    pub stored: u64,
    pub blocks: u64,
}

/// What is needed of each pack so that everything below `roots` is there: all that `held` does not
/// have and that does not lie below `known`.
pub fn needs(
    reader: &Reader,
    roots: &[Id],
    known: &[Id],
    held: &dyn Fn(&Id) -> Result<bool>,
) -> Result<Vec<Need>> {
    let seen = IdSet::default();
    // What cannot be read of the known ones is looked at again below the roots.
    let _ = each(reader, known, &seen, &mut |_, _| Ok(()));
    let (mut needs, mut blocks) = (HashMap::<u32, Need>::new(), HashSet::new());
    each(reader, roots, &seen, &mut |_, id| {
        let Place { pack, ordinal, block, length, .. } = reader.place(id)?;
        if held(id)? {
            return Ok(());
        }
        let need = needs.entry(pack).or_insert_with(|| Need { pack, ..Need::default() });
        need.chunks += 1;
        need.bytes += u64::from(length);
        if blocks.insert((pack, ordinal)) {
            need.stored += u64::from(block.stored);
            need.blocks += 1;
        }
        Ok(())
    })?;
    let totals = reader.table.pack_bytes();
    let mut needs: Vec<Need> = needs.into_values().collect();
    needs.iter_mut().for_each(|n| n.whole = totals[n.pack as usize]);
    needs.sort_unstable_by_key(|n| n.pack);
    Ok(needs)
}
