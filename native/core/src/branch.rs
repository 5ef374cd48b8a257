//! A folder being restored: it is described when everything below it is done.

use crate::dir::Dir;
use crate::page::Entry;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

pub struct Branch {
    pub dir: Arc<Dir>,
    parent: Option<Arc<Branch>>,
    /// What the folder is to become; none for one that is not this restore's to change.
    entry: Option<Entry>,
    /// The listing itself, and every entry still under way.
    pending: AtomicUsize,
}

impl Branch {
    pub fn root(dir: Arc<Dir>) -> Arc<Branch> {
        Arc::new(Branch { dir, parent: None, entry: None, pending: AtomicUsize::new(1) })
    }

    /// A folder below, which `name` calls; this one waits for it.
    pub fn below(self: &Arc<Branch>, name: Vec<u8>, entry: Option<Entry>) -> Arc<Branch> {
        self.hold();
        let dir = Dir::below(&self.dir, name);
        let parent = Some(self.clone());
        Arc::new(Branch { dir, parent, entry, pending: AtomicUsize::new(1) })
    }

    /// One more entry is under way.
    pub fn hold(&self) {
        self.pending.fetch_add(1, Ordering::AcqRel);
    }

    /// One entry is done. After the last, the folder is handed to `describe` with what it is to
    /// become, and then its parent is told: a loop, because trees can be deeper than a stack.
    pub fn release(self: &Arc<Branch>, describe: &dyn Fn(&Branch, &Entry)) {
        let mut at = self;
        while at.pending.fetch_sub(1, Ordering::AcqRel) == 1 {
            if let Some(entry) = &at.entry {
                describe(at, entry);
            }
            let Some(parent) = &at.parent else { return };
            at = parent;
        }
    }
}

impl Drop for Branch {
    /// Lets go of ancestors in a loop: a recursion would end the stack in a deep tree.
    fn drop(&mut self) {
        let mut next = self.parent.take();
        while let Some(mut branch) = next.and_then(Arc::into_inner) {
            next = branch.parent.take();
        }
    }
}
