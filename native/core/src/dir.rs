//! Folders as a tree of handles: everything is reached name by name beneath an open ancestor, so
//! that no path is too deep and no link is ever followed.

use crate::error::{Error, Result};
use crate::posix::{open_beneath, DIR_FLAGS, ENTER_FLAGS};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Handles kept open at once; other folders are opened again from the nearest open ancestor.
const HANDLES: usize = 256;
static OPEN: AtomicUsize = AtomicUsize::new(0);

pub struct Dir {
    parent: Option<Arc<Dir>>,
    name: Vec<u8>,
    handle: Mutex<Option<Arc<OwnedFd>>>,
}

impl Dir {
    /// A root is always open; `name` is how messages call it.
    pub fn root(name: Vec<u8>, handle: OwnedFd) -> Arc<Dir> {
        Arc::new(Dir { parent: None, name, handle: Mutex::new(Some(Arc::new(handle))) })
    }

    /// A folder that does not exist: what lies below it cannot be opened.
    pub fn absent(name: Vec<u8>) -> Arc<Dir> {
        Arc::new(Dir { parent: None, name, handle: Mutex::new(None) })
    }

    pub fn below(parent: &Arc<Dir>, name: Vec<u8>) -> Arc<Dir> {
        Arc::new(Dir { parent: Some(parent.clone()), name, handle: Mutex::new(None) })
    }

    pub fn parent(&self) -> Option<&Arc<Dir>> {
        self.parent.as_ref()
    }

    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// The full path of an entry, for messages and ignore rules; an empty name means the folder.
    pub fn path(&self, last: &[u8]) -> Vec<u8> {
        let mut parts = vec![last];
        let mut at = Some(self);
        while let Some(dir) = at {
            parts.push(&dir.name);
            at = dir.parent.as_deref();
        }
        parts.reverse();
        if last.is_empty() {
            parts.pop();
        }
        let mut out = parts.join(&b'/');
        if out.is_empty() {
            out.push(b'/');
        }
        out
    }

    /// An open handle, from the nearest ancestor that has one.
    pub fn open(&self) -> Result<Arc<OwnedFd>> {
        self.reach(DIR_FLAGS)
    }

    /// The same for what lies below only: the folder itself may not be ours to list.
    pub fn enter(&self) -> Result<Arc<OwnedFd>> {
        self.reach(ENTER_FLAGS)
    }

    fn reach(&self, flags: i32) -> Result<Arc<OwnedFd>> {
        let mut names = Vec::new();
        let mut at = self;
        let base = loop {
            if let Some(fd) = &*at.handle.lock().expect("no panic") {
                break fd.clone();
            }
            names.push(at.name.clone());
            let absent = || Error::Source { op: "open", path: self.path(b""), errno: libc::ENOENT };
            at = at.parent.as_ref().ok_or_else(absent)?;
        };
        if names.is_empty() {
            return Ok(base);
        }
        names.reverse();
        Ok(Arc::new(open_beneath(base.as_raw_fd(), &names, flags)?))
    }

    /// What lies below is reached through this handle, wherever it leads.
    pub fn pin(&self, handle: Arc<OwnedFd>) {
        OPEN.fetch_add(1, Ordering::Relaxed);
        *self.handle.lock().expect("no panic") = Some(handle);
    }

    /// Keeps the handle for what lies below, if there is room.
    pub fn keep(&self, handle: &Arc<OwnedFd>) {
        let mut own = self.handle.lock().expect("no panic");
        if own.is_none() && OPEN.load(Ordering::Relaxed) < HANDLES {
            OPEN.fetch_add(1, Ordering::Relaxed);
            *own = Some(handle.clone());
        }
    }
}

impl Drop for Dir {
    /// Lets go of ancestors in a loop: a recursion would end the stack in a deep tree.
    fn drop(&mut self) {
        if self.parent.is_some() && self.handle.lock().expect("no panic").take().is_some() {
            OPEN.fetch_sub(1, Ordering::Relaxed);
        }
        let mut next = self.parent.take();
        while let Some(mut dir) = next.and_then(Arc::into_inner) {
            if dir.parent.is_some() && dir.handle.lock().expect("no panic").take().is_some() {
                OPEN.fetch_sub(1, Ordering::Relaxed);
            }
            next = dir.parent.take();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::posix::open_at;

    #[test]
    fn a_path_of_a_hundred_thousand_folders_is_told_and_let_go() {
        let handle = open_at(libc::AT_FDCWD, c"/", DIR_FLAGS, 0).expect("the root opens");
        let mut dir = Dir::root(Vec::new(), handle);
        assert_eq!(dir.path(b""), b"/");
        assert_eq!(dir.path(b"x"), b"/x");
        for _ in 0..100_000 {
            dir = Dir::below(&dir, b"d".to_vec());
        }
        assert_eq!(dir.path(b"x").len(), 200_002);
        assert!(dir.path(b"").ends_with(b"/d"));
    }
}
