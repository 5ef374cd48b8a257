//! Scanning: what is new is read, what is unchanged is taken from the parent snapshot.

use crate::attribute;
use crate::before::Known;
use crate::dir::Dir;
use crate::error::{Error, Result};
use crate::file::{self, Wanted};
use crate::folder::{Folder, Task};
use crate::ingest::{self, Job};
use crate::names::Names;
use crate::page::{self, Content, Entry, Hint};
use crate::pages::Saved;
use crate::posix::{self, Stat};
use crate::rules::Rules;
use crate::worker::Worker;
use std::ffi::{CStr, CString};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::atomic::Ordering;
use std::sync::Arc;

/// Segments of one folder under way at once, beside one for each worker.
const AHEAD: usize = 2;

/// Lists a folder and begins its segments.
pub fn folder(job: &Job, worker: &mut Worker, folder: Arc<Folder>) -> Result<()> {
    let (names, rules) = match list(job, worker, &folder) {
        Ok(found) => found,
        Err(e @ Error::Source { .. }) => {
            job.trouble(folder.dir.path(b""), reason(&e));
            folder.leave_out();
            Default::default()
        }
        Err(e) => return Err(e),
    };
    let ahead = job.spec.workers + AHEAD;
    let step = crate::folder::begin(folder, names, rules, ahead, worker, &job.reader)?;
    job.follow(step);
    Ok(())
}

fn list(job: &Job, worker: &mut Worker, folder: &Folder) -> Result<(Names, Option<Arc<Rules>>)> {
    if let Some(choice) = &folder.choice {
        folder.dir.enter()?;
        let names = Names::chosen(choice.below.keys().map(|name| &name[..]));
        return Ok((names, folder.rules.clone()));
    }
    let handle = folder.dir.open()?;
    let mut names = Names::read(handle.as_raw_fd(), &mut worker.buffer)?;
    let rules = rules(job, folder, handle.as_raw_fd(), &names)?;
    if job.spec.exclude_caches && is_cache(handle.as_raw_fd()) {
        folder.leave_out();
        names.only(b"CACHEDIR.TAG");
    }
    Ok((names, rules))
}

/// The message of a source error without the single name it happened on.
pub fn reason(e: &Error) -> String {
    let text = e.to_string();
    text.split_once(": ").map_or(text.clone(), |(_, rest)| rest.to_string())
}

fn rules(job: &Job, folder: &Folder, dir: RawFd, names: &Names) -> Result<Option<Arc<Rules>>> {
    let above = folder.rules.clone();
    let Some(file) = job.spec.ignore_file.as_ref().filter(|f| names.contains(f)) else {
        return Ok(above);
    };
    let flags = libc::O_RDONLY | libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let fd = posix::open_at(dir, &posix::name(file)?, flags, 0)?;
    let mut text = vec![0; 1 << 20];
    let n = posix::read_at(fd.as_raw_fd(), &mut text, 0)?;
    let text = String::from_utf8_lossy(&text[..n]);
    match Rules::new(&folder.dir.path(b""), &text, above.clone()) {
        Ok(own) => Ok(Some(Arc::new(own))),
        Err(e) => {
            job.trouble(folder.dir.path(file), e.to_string());
            Ok(above)
        }
    }
}

/// A folder that says of itself that it is a cache (bford.info/cachedir).
fn is_cache(dir: RawFd) -> bool {
    let flags = libc::O_RDONLY | libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let Ok(fd) = posix::open_at(dir, c"CACHEDIR.TAG", flags, 0) else { return false };
    let mut head = [0; 43];
    posix::read_at(fd.as_raw_fd(), &mut head, 0).is_ok()
        && &head == b"Signature: 8a477f597d28d172789f06886806bc55"
}

/// One entry of a segment, as the file system shows it.
struct Seen {
    index: usize,
    name: Vec<u8>,
    cname: CString,
    stat: Stat,
    known: Option<Known>,
    /// Where the folder is read instead.
    view: Option<Arc<OwnedFd>>,
}

/// Looks at every name of a segment, in the order of inodes; reads what must be read.
pub fn segment(job: &Job, worker: &mut Worker, task: Task) -> Result<()> {
    let Task { segment, names, known, rules } = task;
    let folder = &segment.folder;
    let opened = if folder.choice.is_some() { folder.dir.enter() } else { folder.dir.open() };
    let scan = match opened {
        Ok(handle) => Scan { job, task: &segment, handle },
        Err(e) => {
            job.trouble(folder.dir.path(b""), reason(&e));
            folder.leave_out();
            return job.done(worker, segment);
        }
    };
    let mut rows: Vec<_> = names.into_iter().zip(known).enumerate().collect();
    rows.sort_unstable_by_key(|(_, ((_, inode), _))| *inode);
    let (mut folders, mut files) = (Vec::new(), Vec::new());
    for (index, ((name, _), known)) in rows {
        let cname = posix::name(&name)?;
        let view = job.view(&folder.dir, &name);
        let seen = match &view {
            Some(view) => posix::stat(view.as_raw_fd(), c""),
            None => posix::stat(scan.handle.as_raw_fd(), &cname),
        };
        let stat = match seen {
            Ok(stat) => stat,
            Err(e) => {
                job.trouble(folder.dir.path(&name), format!("not saved: {}", reason(&e)));
                folder.leave_out();
                continue;
            }
        };
        let is_dir = stat.format() == libc::S_IFDIR;
        let socket = stat.format() == libc::S_IFSOCK && job.spec.no_sockets;
        let ignored = |r: &Arc<Rules>| r.ignores(&folder.dir.path(&name), is_dir);
        if socket || rules.as_ref().is_some_and(ignored) {
            folder.leave_out();
            continue;
        }
        let seen = Seen { index, name, cname, stat, known, view };
        if is_dir {
            folders.push(seen);
        } else {
            files.extend(scan.entry(seen)?);
        }
    }
    file::save(job, worker, &segment, &scan.handle, files)?;
    if !folders.is_empty() {
        folder.dir.keep(&scan.handle);
    }
    folders.sort_unstable_by_key(|seen| std::cmp::Reverse(seen.index));
    folders.into_iter().for_each(|seen| scan.folder(seen, &rules));
    job.done(worker, segment)
}

struct Scan<'a> {
    job: &'a Job,
    task: &'a Arc<crate::folder::Segment>,
    handle: Arc<OwnedFd>,
}

impl Scan<'_> {
    /// Puts a folder's own entry and makes what is below it a task.
    fn folder(&self, seen: Seen, rules: &Option<Arc<Rules>>) {
        let Seen { index, name, cname, stat, known, view } = seen;
        let (job, folder) = (self.job, &self.task.folder);
        let mut whole = true;
        let mut own = base(job, &name, &stat, page::DIR);
        match known.as_ref().filter(|k| unchanged(&k.entry, &k.hint, &stat)) {
            Some(Known { entry, .. }) => {
                own.xattrs.clone_from(&entry.xattrs);
                let kept = entry
                    .ext
                    .iter()
                    .filter(|x| ![page::EXT_PARTIAL, page::EXT_LEFT_OUT].contains(&x.0));
                own.ext = kept.cloned().collect();
            }
            None => {
                let open = || posix::open_at(self.handle.as_raw_fd(), &cname, posix::DIR_FLAGS, 0);
                if let Ok(fd) = view.clone().map_or_else(|| open().map(Arc::new), Ok) {
                    whole = describe(job, &folder.dir, &mut own, fd.as_raw_fd());
                }
            }
        }
        let root = known.and_then(|k| match k.entry.content {
            Content::Dir(id, _) => Some((id, k.below)),
            _ => None,
        });
        let dir = Dir::below(&folder.dir, name);
        view.into_iter().for_each(|view| dir.pin(view));
        let mut child = Folder::new(dir, Some((self.task.clone(), index)), root);
        child.filesystem = folder.filesystem.or(Some(stat.filesystem));
        if let Some(choice) = &folder.choice {
            let chosen = &choice.below[child.dir.name()];
            child.filesystem = chosen.all.then_some(stat.filesystem);
            if !chosen.all {
                own.ext.push((page::EXT_PARTIAL, true, vec![]));
                child.choice = Some(chosen.clone());
            }
        }
        child.rules.clone_from(rules);
        let foreign = child.filesystem.is_some_and(|f| f != stat.filesystem);
        if job.spec.one_file_system && foreign {
            // What is mounted there is not listed, so a restore must not take it for deleted.
            own.ext.push((page::EXT_PARTIAL, true, vec![]));
            child.choice = Some(Default::default());
        }
        let hint = if whole { hint(&stat, job.racy_from) } else { Hint::default() };
        self.task.put(index, Saved { entry: own, hint, below: None });
        self.task.hold();
        job.push(ingest::Task::Folder(Arc::new(child)));
    }

    /// Puts an entry that need not be read; a file that must be is given back.
    fn entry(&self, seen: Seen) -> Result<Option<Wanted>> {
        let Seen { index, name, cname, stat, known, .. } = seen;
        let job = self.job;
        job.progress.files.fetch_add(1, Ordering::Relaxed);
        let link = (stat.links > 1).then(|| link_group(&stat));
        let hint = hint(&stat, job.racy_from);
        let put = |entry: Entry| self.task.put(index, Saved { entry, hint, below: None });
        if let Some(Known { entry, hint: before, .. }) = known {
            if unchanged(&entry, &before, &stat) && entry.link == link && held(job, &entry)? {
                job.progress.reused.fetch_add(stat.size, Ordering::Relaxed);
                job.owned(&stat);
                put(job.linked(&stat, entry));
                return Ok(None);
            }
        }
        let key = (stat.filesystem, stat.inode);
        let first = link.and_then(|_| job.links.lock().expect("no panic").get(&key).cloned());
        if let Some(first) = first {
            if first.mtime != stat.mtime {
                let path = self.task.folder.dir.path(&name);
                job.trouble(path, "changed while it was read; saved as it was seen".into());
            }
            put(Entry { name, ..first });
            return Ok(None);
        }
        if stat.format() == libc::S_IFREG {
            return Ok(Some(Wanted { index, name, cname, stat, link, hint }));
        }
        match self.special(&name, &cname, &stat) {
            Ok((mut own, whole)) => {
                own.link = link;
                let own = job.linked(&stat, own);
                let hint = if whole { hint } else { Hint::default() };
                self.task.put(index, Saved { entry: own, hint, below: None });
            }
            Err(e) => {
                let path = self.task.folder.dir.path(&name);
                job.trouble(path, format!("not saved: {}", reason(&e)));
                self.task.folder.leave_out();
            }
        }
        Ok(None)
    }

    /// An entry that is not opened, and whether all of its attributes were had.
    fn special(&self, name: &[u8], cname: &CStr, stat: &Stat) -> Result<(Entry, bool)> {
        let dir = self.handle.as_raw_fd();
        let (kind, content) = match stat.format() {
            libc::S_IFLNK => (page::LINK, Content::Target(posix::read_link(dir, cname)?)),
            libc::S_IFCHR => (page::CHAR, Content::Device(stat.device.0, stat.device.1)),
            libc::S_IFBLK => (page::BLOCK, Content::Device(stat.device.0, stat.device.1)),
            libc::S_IFIFO => (page::FIFO, Content::None),
            _ => (page::SOCKET, Content::None),
        };
        let mut own = base(self.job, name, stat, kind);
        own.content = content;
        let found = attribute::xattrs_at(dir, cname)?;
        let whole = attach(self.job, &self.task.folder.dir, &mut own, found);
        Ok((own, whole))
    }
}

/// Size, times and inode as the last scan saw them: then nothing of the entry has changed.
fn unchanged(e: &Entry, h: &Hint, stat: &Stat) -> bool {
    h.inode != 0
        && e.kind != page::REFUSED
        && h.inode == stat.inode
        && h.ctime == stat.ctime
        && e.mtime == stat.mtime
        && (e.kind == page::DIR || e.size == stat.size)
}

/// Inode 0 means that the entry may change again within the tick it was read in.
fn hint(stat: &Stat, racy_from: (i64, u32)) -> Hint {
    let inode = if stat.ctime >= racy_from { 0 } else { stat.inode };
    Hint { inode, ctime: stat.ctime }
}

/// An entry with everything `stat` says; its owners are remembered.
pub fn base(job: &Job, name: &[u8], stat: &Stat, kind: u8) -> Entry {
    job.owned(stat);
    bare(name, stat, kind)
}

/// The same without a job.
pub fn bare(name: &[u8], stat: &Stat, kind: u8) -> Entry {
    Entry {
        name: name.to_vec(),
        kind,
        mode: stat.mode & 0o7777,
        uid: stat.uid,
        gid: stat.gid,
        mtime: stat.mtime,
        size: if kind == page::FILE { stat.size } else { 0 },
        content: Content::None,
        link: None,
        xattrs: vec![],
        ext: vec![],
    }
}

/// Adds what only an open handle tells: attributes, ACLs, inode flags, project id. False when not
/// all of it could be had.
pub fn describe(job: &Job, dir: &Dir, entry: &mut Entry, fd: RawFd) -> bool {
    let whole = match attribute::xattrs(fd) {
        Ok(found) => attach(job, dir, entry, found),
        Err(e) => {
            job.trouble(dir.path(&entry.name), reason(&e));
            false
        }
    };
    let numbers =
        [(page::EXT_FLAGS, attribute::flags(fd)), (page::EXT_PROJECT, attribute::project(fd))];
    for (ext, number) in numbers.into_iter().filter(|(_, number)| *number != 0) {
        entry.ext.push((ext, false, number.to_le_bytes().to_vec()));
    }
    whole
}

/// Most bytes of one entry's attributes: with its extents it has to fit in a block.
const XATTRS_MOST: usize = 1 << 20;

/// Gives an entry its attributes; those beyond what it can hold are told, and false is returned.
fn attach(job: &Job, dir: &Dir, entry: &mut Entry, found: attribute::Xattrs) -> bool {
    let (mut left, mut whole) = (XATTRS_MOST, true);
    for (key, value) in found {
        if let Some(rest) = left.checked_sub(key.len() + value.len()) {
            left = rest;
            entry.xattrs.push((key, value));
        } else {
            whole = false;
            let key = String::from_utf8_lossy(&key);
            let text = format!("attribute {key} not saved: one entry holds {XATTRS_MOST} bytes");
            job.trouble(dir.path(&entry.name), text);
        }
    }
    whole
}

/// Entries with one group are names of one inode. The device number takes part, since two file
/// systems of one tree may use the same inode number.
fn link_group(stat: &Stat) -> u64 {
    let (major, minor) = stat.filesystem;
    let key = [&major.to_le_bytes()[..], &minor.to_le_bytes(), &stat.inode.to_le_bytes()].concat();
    u64::from_le_bytes(blake3::hash(&key).as_bytes()[..8].try_into().expect("8 bytes"))
}

/// Whether every chunk that an old entry names can still be read: chunk by chunk.
fn held(job: &Job, old: &Entry) -> Result<bool> {
    let ids = match &old.content {
        Content::Ids(ids) => return Ok(ids.chunks_exact(32).all(|id| job.chunks.holds(id))),
        content => job.reader.chunk_ids(content),
    };
    match ids {
        Ok(ids) => Ok(ids.iter().all(|id| job.chunks.holds(id))),
        Err(Error::Missing(_) | Error::Damaged(_)) => Ok(false),
        Err(e) => Err(e),
    }
}
