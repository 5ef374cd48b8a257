//! A second tree that is like the first: by reflinks, or by copies. The first pass runs while the
//! source lives; a later one takes again only what has changed, and takes away what is gone.
//!
//! A file is the same when size, both times and inode are, and its change was old enough when it
//! was read for a later one to show. Files mapped writable are never the same: stores move no time.

use crate::attribute;
use crate::describe;
use crate::dir::Dir;
use crate::error::{Error, Result};
use crate::names::Names;
use crate::page::{self, Content, Entry};
use crate::posix::{self, Stat};
use crate::remove;
use crate::scan::bare;
use crate::target;
use std::collections::HashMap;
use std::ffi::CStr;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;

/// Nanoseconds within which two changes of a file may show the same time.
const TICK: i128 = 20_000_000;
const PART: usize = 1 << 20;
const FICLONE: libc::c_ulong = 0x4004_9409;

#[derive(PartialEq, Clone, Copy)]
struct Key {
    inode: (u32, u32, u64),
    size: u64,
    mtime: (i64, u32),
    ctime: (i64, u32),
}

impl Key {
    fn of(stat: &Stat) -> Key {
        let (major, minor) = stat.filesystem;
        let inode = (major, minor, stat.inode);
        Key { inode, size: stat.size, mtime: stat.mtime, ctime: stat.ctime }
    }
}

/// How many files were taken, and their bytes.
#[derive(Default, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    pub files: u64,
    pub bytes: u64,
}

/// Device, in two numbers, and inode.
type Inode = (u32, u32, u64);

pub struct Mirror {
    reflink: bool,
    /// What each file of the second tree, by inode, was taken from.
    known: HashMap<u64, Key>,
    /// In this pass: where the first name of an inode with several stands in the second tree.
    links: HashMap<Inode, (Arc<Dir>, Vec<u8>)>,
    taken: Taken,
}

/// One folder of both trees.
struct Pair {
    from: Arc<Dir>,
    to: Arc<Dir>,
    /// What the second is to be like when all below it is done.
    entry: Entry,
    /// Folders that are still to be done.
    left: Vec<Vec<u8>>,
}

impl Mirror {
    pub fn new(reflink: bool) -> Mirror {
        Mirror { reflink, known: HashMap::new(), links: HashMap::new(), taken: Taken::default() }
    }

    /// Makes `to/NAME` like `from/NAME`. `mapped` tells whose times say nothing, by device and
    /// inode.
    pub fn pass(
        &mut self,
        from: &Arc<Dir>,
        to: &Arc<Dir>,
        name: &[u8],
        mapped: &dyn Fn(&Stat) -> bool,
    ) -> Result<Taken> {
        self.taken = Taken::default();
        self.links.clear();
        let mut open: Vec<Pair> = Vec::new();
        open.extend(self.take(from, to, name, mapped)?);
        while let Some(pair) = open.last_mut() {
            if let Some(below) = pair.left.pop() {
                let (from, to) = (pair.from.clone(), pair.to.clone());
                open.extend(self.take(&from, &to, &below, mapped)?);
            } else if let Some(done) = open.pop() {
                let parent = done.to.parent().ok_or_else(|| Error::Internal("no parent".into()))?;
                describe::named(parent.open()?.as_raw_fd(), &done.entry)
                    .map_err(|e| named(e, &done.from, b""))?;
            }
        }
        Ok(self.taken)
    }

    /// Gives a folder of the second tree what the first one's has beside its entries.
    pub fn describe(from: &Dir, to: &Dir) -> Result<()> {
        let (source, dir) = (from.open()?, to.open()?);
        let stat = posix::stat(source.as_raw_fd(), c"")?;
        describe::open(dir.as_raw_fd(), &described(source.as_raw_fd(), b"", &stat)?)
    }

    /// Takes one entry; a folder is returned with the folders below it, its other entries taken.
    fn take(
        &mut self,
        from: &Arc<Dir>,
        to: &Arc<Dir>,
        name: &[u8],
        mapped: &dyn Fn(&Stat) -> bool,
    ) -> Result<Option<Pair>> {
        let (source, dir) = (from.open()?, to.open()?);
        let cname = posix::name(name)?;
        let stat = match posix::stat(source.as_raw_fd(), &cname) {
            Err(Error::Source { errno: libc::ENOENT, .. }) => {
                return gone(dir.as_raw_fd(), name).map(|()| None);
            }
            found => found.map_err(|e| named(e, from, name))?,
        };
        let here = |e| named(e, from, name);
        // What goes away while the source lives is gone; a later pass says for good.
        if stat.format() == libc::S_IFDIR {
            return match self.folder(from, to, name, &stat, mapped) {
                Err(Error::Source { errno: libc::ENOENT, .. })
                    if !stands(source.as_raw_fd(), &cname, &stat) =>
                {
                    gone(dir.as_raw_fd(), name).map(|()| None)
                }
                pair => pair.map(Some).map_err(here),
            };
        }
        if stat.links > 1 {
            let key = Key::of(&stat).inode;
            if let Some((first, old)) = self.links.get(&key) {
                let first = first.open()?;
                let (first, dir) = (first.as_raw_fd(), dir.as_raw_fd());
                return target::link(first, old, dir, name, true).map(|()| None).map_err(here);
            }
            self.links.insert(key, (to.clone(), name.to_vec()));
        }
        let taken = if stat.format() == libc::S_IFREG {
            let mapped = mapped(&stat);
            if !mapped && self.same(dir.as_raw_fd(), &cname, &Key::of(&stat)) {
                return Ok(None);
            }
            self.file(source.as_raw_fd(), dir.as_raw_fd(), name, mapped)
        } else {
            self.other(source.as_raw_fd(), dir.as_raw_fd(), name, &stat)
        };
        match taken {
            Err(Error::Source { errno: libc::ENOENT, .. }) => gone(dir.as_raw_fd(), name)?,
            taken => taken.map_err(here)?,
        }
        Ok(None)
    }

    fn folder(
        &mut self,
        from: &Arc<Dir>,
        to: &Arc<Dir>,
        name: &[u8],
        stat: &Stat,
        mapped: &dyn Fn(&Stat) -> bool,
    ) -> Result<Pair> {
        let (below, made) = (Dir::below(from, name.to_vec()), Dir::below(to, name.to_vec()));
        let source = below.open()?;
        let entry = described(source.as_raw_fd(), name, stat)?;
        target::make_folder(to.open()?.as_raw_fd(), &entry)?;
        let dir = made.open()?;
        below.keep(&source);
        made.keep(&dir);
        let mut buffer = Vec::new();
        let names = Names::read(source.as_raw_fd(), &mut buffer)?;
        for old in Names::read(dir.as_raw_fd(), &mut buffer)?.iter() {
            if !names.contains(old) {
                gone(dir.as_raw_fd(), old)?;
            }
        }
        let mut left = Vec::new();
        for name in names.iter() {
            let kind = posix::stat(source.as_raw_fd(), &posix::name(name)?).map(|s| s.format());
            if matches!(kind, Ok(libc::S_IFDIR)) {
                left.push(name.to_vec());
            } else {
                self.take(&below, &made, name, mapped)?;
            }
        }
        Ok(Pair { from: below, to: made, entry, left })
    }

    /// Whether what stands in the second tree was taken from the very same.
    fn same(&self, dir: RawFd, name: &CStr, key: &Key) -> bool {
        let standing = posix::stat(dir, name).ok().map(|s| s.inode);
        standing.and_then(|inode| self.known.get(&inode)) == Some(key)
    }

    fn file(&mut self, source: RawFd, dir: RawFd, name: &[u8], mapped: bool) -> Result<()> {
        let cname = posix::name(name)?;
        let flags = libc::O_RDONLY | libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOATIME;
        let fd = match posix::open_at(source, &cname, flags, 0) {
            // Only its owner may leave the access time alone.
            Err(Error::Source { errno: libc::EPERM, .. }) => {
                posix::open_at(source, &cname, flags & !libc::O_NOATIME, 0)?
            }
            opened => opened?,
        };
        let now = now();
        let stat = posix::stat(fd.as_raw_fd(), c"")?;
        let key = Key::of(&stat);
        gone(dir, name)?;
        let how = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW;
        let copy = posix::open_at(dir, &cname, how, 0o600)?;
        if self.reflink {
            // SAFETY: a plain system call on two handles of ours.
            let r = unsafe { libc::ioctl(copy.as_raw_fd(), FICLONE, fd.as_raw_fd()) };
            // What is mounted below is of another file system.
            match posix::check(i64::from(r), "reflink", name) {
                Err(Error::Source { errno: libc::EXDEV, .. }) => bytes(&fd, &copy)?,
                made => made.map(drop)?,
            }
        } else {
            bytes(&fd, &copy)?;
        }
        describe::open(copy.as_raw_fd(), &described(fd.as_raw_fd(), name, &stat)?)?;
        let inode = posix::stat(copy.as_raw_fd(), c"")?.inode;
        let old = i128::from(key.ctime.0) * 1_000_000_000 + i128::from(key.ctime.1) + TICK < now;
        // One inode may have had another file's number.
        self.known.remove(&inode);
        if old && !mapped {
            self.known.insert(inode, key);
        }
        self.taken.files += 1;
        self.taken.bytes += stat.size;
        Ok(())
    }

    /// A link, device, pipe or socket.
    fn other(&mut self, source: RawFd, dir: RawFd, name: &[u8], stat: &Stat) -> Result<()> {
        let cname = posix::name(name)?;
        let mut entry = plain(name, stat);
        entry.xattrs = attribute::xattrs_at(source, &cname)?;
        entry.content = match stat.format() {
            libc::S_IFLNK => Content::Target(posix::read_link(source, &cname)?),
            libc::S_IFCHR | libc::S_IFBLK => Content::Device(stat.device.0, stat.device.1),
            _ => Content::None,
        };
        // A name more in the second tree is from an earlier pass: it is made anew.
        if posix::stat(dir, &cname).is_ok_and(|s| s.links > 1) {
            gone(dir, name)?;
        }
        target::special(dir, &entry, true)
    }
}

/// Whether a name still leads to what it led to.
fn stands(dir: RawFd, name: &CStr, was: &Stat) -> bool {
    posix::stat(dir, name).is_ok_and(|now| Key::of(&now).inode == Key::of(was).inode)
}

fn gone(dir: RawFd, name: &[u8]) -> Result<()> {
    match posix::stat(dir, &posix::name(name)?) {
        Err(_) => Ok(()),
        Ok(_) => remove::remove(dir, name),
    }
}

/// The error with the whole path of what it is about.
fn named(e: Error, dir: &Dir, name: &[u8]) -> Error {
    match e {
        Error::Source { op, path, errno } if !path.starts_with(b"/") => {
            Error::Source { op, path: dir.path(name), errno }
        }
        e => e,
    }
}

fn now() -> i128 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |t| t.as_nanos() as i128)
}

fn plain(name: &[u8], stat: &Stat) -> Entry {
    let kind = match stat.format() {
        libc::S_IFREG => page::FILE,
        libc::S_IFDIR => page::DIR,
        libc::S_IFLNK => page::LINK,
        libc::S_IFCHR => page::CHAR,
        libc::S_IFBLK => page::BLOCK,
        libc::S_IFIFO => page::FIFO,
        _ => page::SOCKET,
    };
    bare(name, stat, kind)
}

/// With what only an open handle tells.
fn described(fd: RawFd, name: &[u8], stat: &Stat) -> Result<Entry> {
    let mut entry = plain(name, stat);
    entry.xattrs = attribute::xattrs(fd)?;
    let numbers =
        [(page::EXT_FLAGS, attribute::flags(fd)), (page::EXT_PROJECT, attribute::project(fd))];
    for (ext, number) in numbers.into_iter().filter(|(_, number)| *number != 0) {
        entry.ext.push((ext, false, number.to_le_bytes().to_vec()));
    }
    Ok(entry)
}

/// The data of a file, hole by hole.
fn bytes(from: &OwnedFd, to: &OwnedFd) -> Result<()> {
    let size = posix::stat(from.as_raw_fd(), c"")?.size;
    // SAFETY: a plain system call on a handle of ours.
    let r = unsafe { libc::ftruncate(to.as_raw_fd(), size as i64) };
    posix::check(i64::from(r), "resize", b"")?;
    let runs = posix::extents(from.as_raw_fd(), size).unwrap_or_else(|| vec![(0, size)]);
    let mut part = vec![0; PART];
    for (mut at, mut left) in runs {
        while left > 0 {
            let want = left.min(PART as u64) as usize;
            let n = posix::read_at(from.as_raw_fd(), &mut part[..want], at)?;
            if n == 0 {
                // It was cut short meanwhile: a later pass sees it changed.
                break;
            }
            posix::write_at(to.as_raw_fd(), &part[..n], at)?;
            (at, left) = (at + n as u64, left - n as u64);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;
    use std::time::Duration;

    fn root(path: &Path) -> Arc<Dir> {
        let name = posix::name(path.as_os_str().as_encoded_bytes()).expect("no zero byte");
        let fd = posix::open_at(libc::AT_FDCWD, &name, posix::DIR_FLAGS, 0).expect("it is there");
        Dir::root(name.into_bytes(), fd)
    }

    #[test]
    fn a_later_pass_takes_what_changed_and_what_is_mapped() {
        let place = std::env::temp_dir().join(format!("holdall-mirror-{}", std::process::id()));
        let at = |name: &str| place.join(name);
        fs::create_dir_all(at("from/a/b")).expect("made");
        fs::create_dir_all(at("to")).expect("made");
        for name in ["one", "two", "three"] {
            fs::write(at("from/a/b").join(name), name).expect("written");
        }
        fs::hard_link(at("from/a/b/one"), at("from/a/name")).expect("linked");
        std::thread::sleep(Duration::from_millis(60));
        let (from, to) = (root(&at("from")), root(&at("to")));
        let mut mirror = Mirror::new(false);
        let none = |_: &Stat| false;
        let first = mirror.pass(&from, &to, b"a", &none).expect("copied");
        assert_eq!(first, Taken { files: 3, bytes: 11 });
        assert_eq!(mirror.pass(&from, &to, b"a", &none).expect("copied").files, 0);
        fs::write(at("from/a/b/two"), "TWO").expect("written");
        fs::remove_file(at("from/a/b/three")).expect("removed");
        fs::rename(at("from/a/name"), at("from/a/other")).expect("renamed");
        assert_eq!(mirror.pass(&from, &to, b"a", &none).expect("copied").files, 2);
        assert_eq!(fs::read(at("to/a/b/two")).expect("read"), b"TWO");
        assert_eq!(fs::read(at("to/a/other")).expect("read"), b"one");
        assert!(!at("to/a/b/three").exists() && !at("to/a/name").exists());
        let all = mirror.pass(&from, &to, b"a", &|_| true).expect("copied");
        assert_eq!(all.files, 2);
        fs::remove_dir_all(place).expect("removed");
    }
}
