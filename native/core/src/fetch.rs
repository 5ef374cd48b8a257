//! Where ranges of packs come from.

use crate::error::{Error, Result};
use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fs::File;
use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::os::unix::{ffi::OsStrExt, fs::FileExt};
use std::path::Path;
use std::sync::{Arc, Mutex};

/// Gives ranges of packs. A local folder answers by path; other stores through TypeScript.
pub trait Fetch: Send + Sync {
    /// Fills all of `out`.
    fn fetch(&self, pack: &str, offset: u64, out: &mut [u8]) -> Result<()>;

    /// Whether each call costs so much that neighbours are better asked for together.
    fn far(&self) -> bool {
        false
    }
}

/// Packs kept open: reading on in one file lets the kernel read ahead.
const OPEN: usize = 8;

/// Reads packs of a folder store: `root/packs/xx/name`.
pub struct FolderFetch {
    root: Vec<u8>,
    open: Mutex<VecDeque<(String, Arc<File>)>>,
}

impl FolderFetch {
    pub fn new(root: Vec<u8>) -> FolderFetch {
        FolderFetch { root, open: Mutex::default() }
    }

    fn file(&self, pack: &str) -> Result<Arc<File>> {
        let mut open = self.open.lock().expect("no panic");
        if let Some((_, file)) = open.iter().find(|(name, _)| name == pack) {
            return Ok(file.clone());
        }
        let path = Path::new(OsStr::from_bytes(&self.root));
        let path = path.join("packs").join(&pack[..2]).join(pack);
        let file = Arc::new(File::open(path).map_err(|e| match e.kind() {
            ErrorKind::NotFound => Error::Missing(format!("pack {pack} is missing")),
            _ => Error::Store(format!("pack {pack}: {e}")),
        })?);
        // SAFETY: a plain system call on an open descriptor; it is only advice.
        unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_SEQUENTIAL) };
        open.truncate(OPEN - 1);
        open.push_front((pack.to_string(), file.clone()));
        Ok(file)
    }
}

impl Fetch for FolderFetch {
    fn fetch(&self, pack: &str, offset: u64, out: &mut [u8]) -> Result<()> {
        self.file(pack)?.read_exact_at(out, offset).map_err(|e| match e.kind() {
            ErrorKind::UnexpectedEof => Error::Damaged(format!("pack {pack} is cut short")),
            _ => Error::Store(format!("pack {pack}: {e}")),
        })
    }
}
