//! Writing entries beneath a folder handle: created exclusively, never through a link.

use crate::attribute;
use crate::branch::Branch;
use crate::describe;
use crate::error::{Error, Result};
use crate::pack::Id;
use crate::page::{Content, Entry, EXT_PARTIAL};
use crate::posix::{self, check};
use crate::reader::{Reader, DATA};
use crate::remove;
use crate::restore::Spec;
use crate::runs::Runs;
use std::ffi::CStr;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// One file being restored. It is made or opened by whoever writes its first piece.
pub struct Target {
    pub folder: Arc<Branch>,
    pub entry: Entry,
    runs: Runs,
    /// Whether a folder in its place goes with all that is in it.
    all: bool,
    /// Looks only: an existing file is opened for reading, none is made.
    dry: bool,
    existed: AtomicBool,
    sparse: AtomicBool,
    pieces: AtomicUsize,
    failed: AtomicBool,
    file: Mutex<Option<Arc<OwnedFd>>>,
}

impl Target {
    pub fn new(
        folder: Arc<Branch>,
        entry: Entry,
        pieces: usize,
        extents: Vec<(u64, u64)>,
        spec: &Spec,
    ) -> Target {
        Target {
            folder,
            runs: Runs::new(extents),
            all: spec.delete,
            dry: spec.dry,
            existed: AtomicBool::new(false),
            sparse: AtomicBool::new(false),
            pieces: AtomicUsize::new(pieces),
            failed: AtomicBool::new(false),
            file: Mutex::new(None),
            entry,
        }
    }

    /// The open file: made, or the one that is there when it is a plain file with one name.
    fn handle(&self) -> Result<Arc<OwnedFd>> {
        let mut file = self.file.lock().expect("no panic");
        if let Some(fd) = &*file {
            return Ok(fd.clone());
        }
        let dir = self.folder.dir.open()?;
        let name = posix::name(&self.entry.name)?;
        if self.dry {
            let flags = libc::O_RDONLY | libc::O_NOFOLLOW | libc::O_NONBLOCK;
            let fd = posix::open_at(dir.as_raw_fd(), &name, flags, 0)?;
            self.existed.store(true, Ordering::Relaxed);
            return Ok(file.insert(Arc::new(fd)).clone());
        }
        let make = || {
            posix::open_at(
                dir.as_raw_fd(),
                &name,
                libc::O_RDWR | libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW,
                0o600,
            )
        };
        let (fd, existed) = match make() {
            Err(Error::Source { errno: libc::EEXIST, .. }) => {
                match reuse(dir.as_raw_fd(), &self.entry.name, self.all)? {
                    Some(fd) => (fd, true),
                    None => (make()?, false),
                }
            }
            made => (made?, false),
        };
        // Writing the last piece gives a new file its size, unless it ends in a hole.
        let ends_in_hole = self.runs.end() < self.entry.size;
        if if existed {
            posix::stat(fd.as_raw_fd(), c"")?.size != self.entry.size
        } else {
            ends_in_hole
        } {
            // SAFETY: a plain system call on a handle of ours.
            let r = unsafe { libc::ftruncate(fd.as_raw_fd(), self.entry.size as i64) };
            check(i64::from(r), "resize", &self.entry.name)?;
        }
        if existed {
            self.punch(fd.as_raw_fd())?;
            let sparse = posix::extents(fd.as_raw_fd(), self.entry.size).is_some();
            self.sparse.store(sparse, Ordering::Relaxed);
        }
        self.existed.store(existed, Ordering::Relaxed);
        Ok(file.insert(Arc::new(fd)).clone())
    }

    /// Holes of the saved file become holes of the existing one. One at the end goes by truncation:
    /// punching would leave the last block, where the end is within it.
    fn punch(&self, fd: RawFd) -> Result<()> {
        let (mut at, size) = (0, self.entry.size);
        for (start, length) in self.runs.iter() {
            if start > at {
                let mode = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
                // SAFETY: a plain system call on a handle of ours.
                let r = unsafe { libc::fallocate(fd, mode, at as i64, (start - at) as i64) };
                check(i64::from(r), "punch hole", &self.entry.name)?;
            }
            at = start + length;
        }
        let ends = if at < size { [Some(at), Some(size)] } else { [None, None] };
        for end in ends.into_iter().flatten() {
            // SAFETY: a plain system call on a handle of ours.
            let r = unsafe { libc::ftruncate(fd, end as i64) };
            check(i64::from(r), "resize", &self.entry.name)?;
        }
        Ok(())
    }

    /// Whether the existing file already has this piece.
    pub fn holds(&self, reader: &Reader, offset: u64, length: u32, id: &Id) -> bool {
        let Ok(fd) = self.handle() else { return false };
        if !self.existed.load(Ordering::Relaxed) {
            return false;
        }
        let sparse = self.sparse.load(Ordering::Relaxed);
        let (mut data, mut whole) = (vec![0; length as usize], true);
        let read = self.runs.each(offset, length as usize, &mut |at, range| {
            // Zeros that were saved as data are not there where there is a hole.
            whole &= !sparse || posix::is_data(fd.as_raw_fd(), at, range.len() as u64);
            posix::read_at(fd.as_raw_fd(), &mut data[range], at).map(drop)
        });
        read.is_ok() && whole && reader.verify(DATA, id, &data).is_ok()
    }

    pub fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        let fd = self.handle()?;
        self.runs.each(offset, data.len(), &mut |at, range| {
            posix::write_at(fd.as_raw_fd(), &data[range], at)
        })
    }

    /// Marks the file as not whole; true when it was already.
    pub fn fail(&self) -> bool {
        self.failed.swap(true, Ordering::Relaxed)
    }

    /// True for the last piece.
    pub fn piece_done(&self) -> bool {
        self.pieces.fetch_sub(1, Ordering::AcqRel) == 1
    }

    /// Gives a file that is whole its metadata.
    pub fn finish(&self) -> Result<()> {
        if self.dry || self.failed.load(Ordering::Relaxed) {
            *self.file.lock().expect("no panic") = None;
            return Ok(());
        }
        let fd = self.handle()?;
        *self.file.lock().expect("no panic") = None;
        describe::open(fd.as_raw_fd(), &self.entry)
    }
}

/// The existing plain file, if it may be rewritten in place; otherwise it is taken away.
fn reuse(dir: RawFd, name: &[u8], all: bool) -> Result<Option<OwnedFd>> {
    let found = describe::handle(dir, name)?;
    let stat = posix::stat(found.as_raw_fd(), c"")?;
    if stat.format() == libc::S_IFREG && stat.links == 1 {
        let path = attribute::proc_path(found.as_raw_fd());
        let open = || posix::open_at(libc::AT_FDCWD, &path, libc::O_RDWR | libc::O_NONBLOCK, 0);
        match open() {
            Err(_) if remove::soften(dir, name) => return Ok(open().ok()),
            Ok(fd) => return Ok(Some(fd)),
            Err(_) => {}
        }
    }
    remove::clear(dir, name, all).map(|()| None)
}

/// True when the folder was made; what stands in its place and is no folder is replaced.
pub fn make_folder(dir: RawFd, entry: &Entry) -> Result<bool> {
    let name = posix::name(&entry.name)?;
    let make = || {
        // SAFETY: the string is ended by a zero and outlives the call.
        let r = unsafe { libc::mkdirat(dir, name.as_ptr(), 0o700) };
        check(i64::from(r), "make folder", &entry.name)
    };
    match make() {
        Err(Error::Source { errno: libc::EEXIST, .. }) => {}
        made => return made.map(|_| true),
    }
    if posix::stat(dir, &name)?.format() == libc::S_IFDIR {
        if entry.ext(EXT_PARTIAL).is_none() {
            loosen(dir, &entry.name);
        }
        return Ok(false);
    }
    remove::clear(dir, &entry.name, false)?;
    make().map(|_| true)
}

/// Lets a standing folder be changed until it is described: its owner may have shut it to himself.
fn loosen(dir: RawFd, name: &[u8]) {
    let Ok(found) = describe::handle(dir, name) else { return };
    let path = attribute::proc_path(found.as_raw_fd());
    // SAFETY: the string is ended by a zero and outlives the call.
    if unsafe { libc::access(path.as_ptr(), libc::R_OK | libc::W_OK | libc::X_OK) } != 0 {
        // SAFETY: as above.
        unsafe { libc::chmod(path.as_ptr(), 0o700) };
    }
    remove::soften(dir, name);
}

/// Gives an inode that was restored already another name.
pub fn link(from: RawFd, old: &[u8], to: RawFd, new: &[u8], all: bool) -> Result<()> {
    let (old_name, name) = (posix::name(old)?, posix::name(new)?);
    if let (Ok(a), Ok(b)) = (posix::stat(from, &old_name), posix::stat(to, &name)) {
        if a.inode == b.inode && a.filesystem == b.filesystem {
            return Ok(());
        }
    }
    remove::clear(to, new, all)?;
    let link = || {
        // SAFETY: both strings are ended by a zero and outlive the call.
        let r = unsafe { libc::linkat(from, old_name.as_ptr(), to, name.as_ptr(), 0) };
        check(i64::from(r), "link", new).map(drop)
    };
    match link() {
        Err(Error::Source { errno: libc::EPERM, .. }) => {
            // An immutable or append-only inode takes no name: it is so again right after.
            let fd = posix::open_at(from, &old_name, libc::O_RDONLY | libc::O_NOFOLLOW, 0)?;
            let flags = attribute::flags(fd.as_raw_fd());
            attribute::set_flags(fd.as_raw_fd(), flags & !attribute::HOLDING)?;
            let linked = link();
            linked.and(attribute::set_flags(fd.as_raw_fd(), flags))
        }
        outcome => outcome,
    }
}

/// Makes a symbolic link, device, pipe or socket, unless it is there already.
pub fn special(dir: RawFd, entry: &Entry, all: bool) -> Result<()> {
    let name = posix::name(&entry.name)?;
    if stands(dir, &name, entry) {
        return describe::named(dir, entry);
    }
    remove::clear(dir, &entry.name, all)?;
    let mode = describe::format(entry.kind) | 0o600;
    let r = match &entry.content {
        // SAFETY: both strings are ended by a zero and outlive the call.
        Content::Target(text) => unsafe {
            libc::symlinkat(posix::name(text)?.as_ptr(), dir, name.as_ptr())
        },
        // SAFETY: the string is ended by a zero and outlives the call.
        Content::Device(major, minor) => unsafe {
            libc::mknodat(dir, name.as_ptr(), mode, libc::makedev(*major, *minor))
        },
        // SAFETY: the string is ended by a zero and outlives the call.
        _ => unsafe { libc::mknodat(dir, name.as_ptr(), mode, 0) },
    };
    check(i64::from(r), "make", &entry.name)?;
    describe::named(dir, entry)
}

/// Whether what has the entry's name is it already, and has no other name.
fn stands(dir: RawFd, name: &CStr, entry: &Entry) -> bool {
    let Ok(stat) = posix::stat(dir, name) else { return false };
    stat.format() == describe::format(entry.kind)
        && stat.links == 1
        && match &entry.content {
            Content::Target(text) => posix::read_link(dir, name).is_ok_and(|now| now == *text),
            Content::Device(major, minor) => stat.device == (*major, *minor),
            _ => true,
        }
}
