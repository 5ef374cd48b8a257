//! One folder while it is being saved. Its names are taken in segments of a few hundred, several at
//! once by several workers; what a segment saved is written to pages when all before it is written.
//!
//! So a folder of any size holds its names and a few segments, and its workers never wait.

use crate::before::{Before, Known, Root};
use crate::dir::Dir;
use crate::error::Result;
use crate::names::Names;
use crate::page::{Content, EXT_LEFT_OUT};
use crate::pages::{Pages, Roots, Saved};
use crate::reader::Reader;
use crate::rules::Rules;
use crate::worker::Worker;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Names of one segment.
const SEGMENT: usize = 256;

/// Which entries of a folder are wanted: all of them, or the beginnings of chosen paths.
#[derive(Default, Clone, Debug)]
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

pub struct Folder {
    pub dir: Arc<Dir>,
    /// The segment and place of this folder's own entry; the root has none.
    parent: Option<(Arc<Segment>, usize)>,
    pub choice: Option<Choice>,
    pub filesystem: Option<(u32, u32)>,
    /// Ignore rules from above.
    pub rules: Option<Arc<Rules>>,
    left_out: AtomicBool,
    state: Mutex<State>,
}

struct State {
    names: Names,
    /// Rules that hold for the entries of this folder.
    rules: Option<Arc<Rules>>,
    before: Before,
    /// The first name that no segment has.
    next: usize,
    /// Most segments that are begun and not written: what ended early waits for those before it.
    ahead: usize,
    begun: usize,
    ended: BTreeMap<usize, Vec<Saved>>,
    written: usize,
    pages: Pages,
}

/// A run of a folder's names under way.
pub struct Segment {
    pub folder: Arc<Folder>,
    number: usize,
    saved: Mutex<Vec<Option<Saved>>>,
    /// The scan itself, and every file and folder still under way.
    pending: AtomicUsize,
}

/// What a worker is to look at: the names of a segment with their inodes, and what was known of
/// them.
pub struct Task {
    pub segment: Arc<Segment>,
    pub names: Vec<(Vec<u8>, u64)>,
    pub known: Vec<Option<Known>>,
    /// Rules that hold for the entries of this folder.
    pub rules: Option<Arc<Rules>>,
}

/// What a finished piece of work leads to.
pub enum Step {
    /// None: others are still under way.
    Tasks(Vec<Task>),
    /// The root folder is complete.
    Root(Roots),
}

impl Folder {
    pub fn new(dir: Arc<Dir>, parent: Option<(Arc<Segment>, usize)>, root: Option<Root>) -> Folder {
        let state = State {
            names: Names::default(),
            rules: None,
            before: Before::new(root),
            next: 0,
            ahead: 0,
            begun: 0,
            ended: BTreeMap::new(),
            written: 0,
            pages: Pages::default(),
        };
        let state = Mutex::new(state);
        let left_out = AtomicBool::new(false);
        Folder { dir, parent, choice: None, filesystem: None, rules: None, left_out, state }
    }

    /// Something of this folder is not saved, by a rule or because it could not be read: a restore
    /// must not take it for deleted.
    pub fn leave_out(&self) {
        self.left_out.store(true, Ordering::Relaxed);
    }

    fn segment(self: &Arc<Folder>, state: &mut State, reader: &Reader) -> Option<Task> {
        let end = state.names.len().min(state.next + SEGMENT);
        if state.next == end {
            return None;
        }
        let name = |i: usize| (state.names.get(i).to_vec(), state.names.inode(i));
        let names: Vec<(Vec<u8>, u64)> = (state.next..end).map(name).collect();
        let known = names.iter().map(|(name, _)| state.before.take(reader, name)).collect();
        let segment = Segment {
            folder: self.clone(),
            number: state.begun,
            saved: Mutex::new(names.iter().map(|_| None).collect()),
            pending: AtomicUsize::new(1),
        };
        state.next = end;
        state.begun += 1;
        Some(Task { segment: Arc::new(segment), names, known, rules: state.rules.clone() })
    }

    /// As many segments as may be under way.
    fn segments(self: &Arc<Folder>, state: &mut State, reader: &Reader) -> Vec<Task> {
        let mut tasks = Vec::new();
        while state.begun - state.written < state.ahead {
            let Some(task) = self.segment(state, reader) else { break };
            tasks.push(task);
        }
        tasks
    }

    /// Takes in what one segment saved; the next segments, or the roots of the finished folder.
    fn end(
        self: &Arc<Folder>,
        segment: &Segment,
        worker: &mut Worker,
        reader: &Reader,
    ) -> Result<(Vec<Task>, Option<Roots>)> {
        let saved = std::mem::take(&mut *segment.saved.lock().expect("no panic"));
        let mut guard = self.state.lock().expect("no panic");
        let state = &mut *guard;
        state.ended.insert(segment.number, saved.into_iter().flatten().collect());
        while let Some(saved) = state.ended.remove(&state.written) {
            saved.into_iter().try_for_each(|s| state.pages.push(worker, s))?;
            state.written += 1;
        }
        let tasks = self.segments(state, reader);
        let whole = state.written == state.begun;
        let pages = whole.then(|| std::mem::take(&mut state.pages));
        Ok((tasks, pages.map(|p| p.finish(worker)).transpose()?))
    }

    /// Gives the entry of this folder its pages; the segment that waited for them.
    fn complete(&self, roots: Roots) -> Option<Arc<Segment>> {
        let (segment, index) = self.parent.as_ref()?;
        if let Some(saved) = &mut segment.saved.lock().expect("no panic")[*index] {
            saved.entry.content = Content::Dir(roots.page, roots.summary);
            saved.below = Some(roots.hints);
            if self.left_out.load(Ordering::Relaxed) {
                saved.entry.ext.push((EXT_LEFT_OUT, true, vec![]));
            }
        }
        Some(segment.clone())
    }
}

impl Drop for Folder {
    /// Lets go of ancestors in a loop: a recursion would end the stack in a deep tree.
    fn drop(&mut self) {
        let mut next = self.parent.take();
        while let Some((segment, _)) = next {
            let folder = Arc::into_inner(segment).and_then(|s| Arc::into_inner(s.folder));
            next = folder.and_then(|mut f| f.parent.take());
        }
    }
}

impl Segment {
    pub fn put(&self, index: usize, saved: Saved) {
        self.saved.lock().expect("no panic")[index] = Some(saved);
    }

    /// One more file or folder of this segment is under way.
    pub fn hold(&self) {
        self.pending.fetch_add(1, Ordering::AcqRel);
    }
}

/// Begins the first segments of a folder, at most `ahead`.
pub fn begin(
    folder: Arc<Folder>,
    names: Names,
    rules: Option<Arc<Rules>>,
    ahead: usize,
    worker: &mut Worker,
    reader: &Reader,
) -> Result<Step> {
    let mut state = folder.state.lock().expect("no panic");
    (state.names, state.rules, state.ahead) = (names, rules, ahead);
    let tasks = folder.segments(&mut state, reader);
    if !tasks.is_empty() {
        return Ok(Step::Tasks(tasks));
    }
    let roots = std::mem::take(&mut state.pages).finish(worker)?;
    drop(state);
    match folder.complete(roots) {
        Some(segment) => done(segment, worker, reader),
        None => Ok(Step::Root(roots)),
    }
}

/// A part of a segment is done. When it was the last, the folder goes on; when that was complete,
/// its parent's segment is told, and so on upwards: a loop, because trees can be deeper than a
/// stack.
pub fn done(mut segment: Arc<Segment>, worker: &mut Worker, reader: &Reader) -> Result<Step> {
    while segment.pending.fetch_sub(1, Ordering::AcqRel) == 1 {
        let folder = segment.folder.clone();
        let roots = match folder.end(&segment, worker, reader)? {
            (tasks, None) => return Ok(Step::Tasks(tasks)),
            (_, Some(roots)) => roots,
        };
        match folder.complete(roots) {
            Some(above) => segment = above,
            None => return Ok(Step::Root(roots)),
        }
    }
    Ok(Step::Tasks(vec![]))
}
