//! Writing entries beneath a folder handle: created exclusively, never through a link.

use crate::dir::Dir;
use crate::error::{Error, Result};
use crate::pack::Id;
use crate::page::{self, Content, Entry, EXT_FLAGS};
use crate::posix::{self, check};
use crate::reader::{Reader, DATA};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// One file being restored. It is made or opened by whoever writes its first piece.
pub struct Target {
    pub folder: Arc<Dir>,
    pub entry: Entry,
    extents: Vec<(u64, u64)>,
    existed: AtomicBool,
    pieces: AtomicUsize,
    failed: AtomicBool,
    file: Mutex<Option<Arc<OwnedFd>>>,
}

impl Target {
    pub fn new(folder: Arc<Dir>, entry: Entry, pieces: usize, extents: Vec<(u64, u64)>) -> Target {
        Target {
            folder,
            extents,
            existed: AtomicBool::new(false),
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
        let dir = self.folder.open()?;
        let name = posix::name(&self.entry.name)?;
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
                match reuse(dir.as_raw_fd(), &self.entry.name)? {
                    Some(fd) => (fd, true),
                    None => (make()?, false),
                }
            }
            made => (made?, false),
        };
        // Writing the last piece gives a new file its size, unless it ends in a hole.
        let ends_in_hole = self.extents.last().map_or(0, |(at, n)| at + n) < self.entry.size;
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
        }
        self.existed.store(existed, Ordering::Relaxed);
        Ok(file.insert(Arc::new(fd)).clone())
    }

    /// Holes of the saved file become holes of the existing one.
    fn punch(&self, fd: RawFd) -> Result<()> {
        let mut at = 0;
        let ends = self.extents.iter().copied().chain(std::iter::once((self.entry.size, 0)));
        for (start, length) in ends {
            if start > at && self.entry.ext(page::EXT_EXTENTS).is_some() {
                let mode = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
                // SAFETY: a plain system call on a handle of ours.
                let r = unsafe { libc::fallocate(fd, mode, at as i64, (start - at) as i64) };
                check(i64::from(r), "punch hole", &self.entry.name)?;
            }
            at = start + length;
        }
        Ok(())
    }

    /// Calls `act(file offset, range of the piece)` for each run of a piece between holes.
    fn runs(
        &self,
        offset: u64,
        length: usize,
        act: &mut dyn FnMut(u64, std::ops::Range<usize>) -> Result<()>,
    ) -> Result<()> {
        let (mut start, end) = (0, offset + length as u64);
        for (at, run) in &self.extents {
            let (from, to) = (offset.max(start), end.min(start + run));
            if from < to {
                act(at + from - start, (from - offset) as usize..(to - offset) as usize)?;
            }
            start += run;
        }
        Ok(())
    }

    /// Whether the existing file already has this piece.
    pub fn holds(&self, reader: &Reader, offset: u64, length: u32, id: &Id) -> bool {
        let Ok(fd) = self.handle() else { return false };
        if !self.existed.load(Ordering::Relaxed) {
            return false;
        }
        let mut data = vec![0; length as usize];
        let read = self.runs(offset, length as usize, &mut |at, range| {
            posix::read_at(fd.as_raw_fd(), &mut data[range], at).map(|_| ())
        });
        read.is_ok() && reader.verify(DATA, id, &data).is_ok()
    }

    pub fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        let fd = self.handle()?;
        self.runs(offset, data.len(), &mut |at, range| {
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
    pub fn finish(&self, dir: RawFd) -> Result<()> {
        if self.extents.iter().all(|e| e.1 == 0) {
            self.handle()?;
        }
        *self.file.lock().expect("no panic") = None;
        if self.failed.load(Ordering::Relaxed) {
            return Ok(());
        }
        describe(dir, &self.entry)
    }
}

/// The existing plain file, if it may be rewritten in place; otherwise it is taken away.
fn reuse(dir: RawFd, name: &[u8]) -> Result<Option<OwnedFd>> {
    let cname = posix::name(name)?;
    let stat = posix::stat(dir, &cname)?;
    if stat.format() == libc::S_IFREG && stat.links == 1 {
        if let Ok(fd) =
            posix::open_at(dir, &cname, libc::O_RDONLY | libc::O_NOFOLLOW | libc::O_NONBLOCK, 0)
        {
            posix::set_flags(fd.as_raw_fd(), 0)?;
        }
        if let Ok(fd) =
            posix::open_at(dir, &cname, libc::O_RDWR | libc::O_NOFOLLOW | libc::O_NONBLOCK, 0)
        {
            return Ok(Some(fd));
        }
    }
    clear(dir, name).map(|()| None)
}

/// Takes away what is not a folder, so that something else can have its name.
fn clear(dir: RawFd, name: &[u8]) -> Result<()> {
    // SAFETY: the string is ended by a zero and outlives the call.
    let r = unsafe { libc::unlinkat(dir, posix::name(name)?.as_ptr(), 0) };
    if r != 0 && posix::errno() != libc::ENOENT {
        return Err(Error::source("replace", name));
    }
    Ok(())
}

/// True when the folder was made; what stands in its place and is no folder is replaced.
pub fn make_folder(dir: RawFd, name: &[u8]) -> Result<bool> {
    let cname = posix::name(name)?;
    // SAFETY: the string is ended by a zero and outlives the call.
    if unsafe { libc::mkdirat(dir, cname.as_ptr(), 0o700) } == 0 {
        return Ok(true);
    }
    if posix::errno() != libc::EEXIST {
        return Err(Error::source("make folder", name));
    }
    if posix::stat(dir, &cname)?.format() == libc::S_IFDIR {
        return Ok(false);
    }
    clear(dir, name)?;
    // SAFETY: the string is ended by a zero and outlives the call.
    check(i64::from(unsafe { libc::mkdirat(dir, cname.as_ptr(), 0o700) }), "make folder", name)?;
    Ok(true)
}

/// Removes an entry and all below it, without recursion: trees can be deeper than a stack.
pub fn remove(dir: RawFd, name: &[u8]) -> Result<()> {
    let mut path: Vec<Vec<u8>> = vec![name.to_vec()];
    while let Some(last) = path.last().cloned() {
        let parent = posix::open_beneath(dir, &path[..path.len() - 1])?;
        let cname = posix::name(&last)?;
        let fd = parent.as_raw_fd();
        let is_dir = posix::stat(fd, &cname)?.format() == libc::S_IFDIR;
        // SAFETY: the string is ended by a zero and outlives the call.
        if unsafe {
            libc::unlinkat(fd, cname.as_ptr(), if is_dir { libc::AT_REMOVEDIR } else { 0 })
        } == 0
        {
            path.pop();
            continue;
        }
        if !is_dir || posix::errno() != libc::ENOTEMPTY {
            return Err(Error::source("remove", &last));
        }
        let own = posix::open_at(fd, &cname, posix::DIR_FLAGS, 0)?;
        for below in posix::names(own.as_raw_fd())? {
            let c = posix::name(&below)?;
            // SAFETY: the string is ended by a zero and outlives the call.
            if unsafe { libc::unlinkat(own.as_raw_fd(), c.as_ptr(), 0) } != 0 {
                path.push(below);
                break;
            }
        }
    }
    Ok(())
}

pub fn link(from: RawFd, old: &[u8], to: RawFd, new: &[u8]) -> Result<()> {
    let (old, name) = (posix::name(old)?, posix::name(new)?);
    if let (Ok(a), Ok(b)) = (posix::stat(from, &old), posix::stat(to, &name)) {
        if a.inode == b.inode && a.filesystem == b.filesystem {
            return Ok(());
        }
    }
    clear(to, new)?;
    // SAFETY: both strings are ended by a zero and outlive the call.
    check(i64::from(unsafe { libc::linkat(from, old.as_ptr(), to, name.as_ptr(), 0) }), "link", new)
        .map(|_| ())
}

/// Makes a symbolic link, device, pipe or socket.
pub fn special(dir: RawFd, entry: &Entry) -> Result<()> {
    let name = posix::name(&entry.name)?;
    let kind = match entry.kind {
        page::LINK => 0,
        page::CHAR => libc::S_IFCHR,
        page::BLOCK => libc::S_IFBLK,
        page::FIFO => libc::S_IFIFO,
        _ => libc::S_IFSOCK,
    };
    if posix::stat(dir, &name).is_ok_and(|s| s.format() == libc::S_IFDIR) {
        return Err(Error::Source {
            op: "replace a folder",
            path: entry.name.clone(),
            errno: libc::EISDIR,
        });
    }
    clear(dir, &entry.name)?;
    let r = match &entry.content {
        // SAFETY: both strings are ended by a zero and outlive the call.
        Content::Target(text) => unsafe {
            libc::symlinkat(posix::name(text)?.as_ptr(), dir, name.as_ptr())
        },
        // SAFETY: the string is ended by a zero and outlives the call.
        Content::Device(major, minor) => unsafe {
            libc::mknodat(dir, name.as_ptr(), kind | 0o600, libc::makedev(*major, *minor))
        },
        // SAFETY: the string is ended by a zero and outlives the call.
        _ => unsafe { libc::mknodat(dir, name.as_ptr(), kind | 0o600, 0) },
    };
    check(i64::from(r), "make", &entry.name)?;
    describe(dir, entry)
}

/// Owner, mode, attributes, times and flags, in the order in which one does not undo another.
pub fn describe(dir: RawFd, entry: &Entry) -> Result<()> {
    let name = posix::name(&entry.name)?;
    let now = posix::stat(dir, &name)?;
    if (now.uid, now.gid) != (entry.uid, entry.gid) {
        // SAFETY: the string is ended by a zero and outlives the call.
        let r = unsafe {
            libc::fchownat(dir, name.as_ptr(), entry.uid, entry.gid, libc::AT_SYMLINK_NOFOLLOW)
        };
        // An ordinary user cannot give files away: they stay the user's own.
        // SAFETY: the call only returns a number.
        if r != 0 && (posix::errno() != libc::EPERM || unsafe { libc::geteuid() } == 0) {
            return Err(Error::source("set owner", &entry.name));
        }
    }
    posix::set_xattrs(dir, &name, &entry.xattrs)?;
    if entry.kind != page::LINK {
        // SAFETY: the string is ended by a zero and outlives the call.
        let r = unsafe { libc::fchmodat(dir, name.as_ptr(), entry.mode, 0) };
        check(i64::from(r), "set mode", &entry.name)?;
    }
    let (sec, nsec) = entry.mtime;
    let times = [libc::timespec { tv_sec: sec, tv_nsec: i64::from(nsec) }; 2];
    // SAFETY: the string is ended by a zero, and `times` is the pair that the call wants.
    let r =
        unsafe { libc::utimensat(dir, name.as_ptr(), times.as_ptr(), libc::AT_SYMLINK_NOFOLLOW) };
    check(i64::from(r), "set times", &entry.name)?;
    let flags = entry.ext(EXT_FLAGS).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes);
    if flags != 0 {
        let fd =
            posix::open_at(dir, &name, libc::O_RDONLY | libc::O_NOFOLLOW | libc::O_NONBLOCK, 0)?;
        posix::set_flags(fd.as_raw_fd(), flags)?;
    }
    Ok(())
}
