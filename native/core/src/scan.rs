//! Scanning one folder: what is new is read, what is unchanged is taken from the parent snapshot.

use crate::attribute;
use crate::error::{Error, Result};
use crate::file;
use crate::folder::{hint, Folder, Rules, Saved};
use crate::ingest::{matcher, Job, Task};
use crate::pack::Id;
use crate::page::{self, Content, Entry, Hint};
use crate::posix::{self, Stat};
use crate::worker::Worker;
use std::collections::BTreeMap;
use std::ffi::CString;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::Arc;

/// What the parent snapshot knew of a folder, by name.
type Before = BTreeMap<Vec<u8>, (Entry, Hint, Option<Id>)>;

pub fn folder(job: &Job, worker: &mut Worker, folder: Arc<Folder>) -> Result<()> {
    match scan(job, worker, &folder) {
        Err(e @ Error::Source { .. }) => job.trouble(folder.path(b""), reason(&e)),
        other => other?,
    }
    job.done(worker, folder)
}

/// The message of a source error without the single name it happened on.
pub fn reason(e: &Error) -> String {
    let text = e.to_string();
    text.split_once(": ").map_or(text.clone(), |(_, rest)| rest.to_string())
}

fn scan(job: &Job, worker: &mut Worker, folder: &Arc<Folder>) -> Result<()> {
    let handle = folder.open()?;
    let dir = handle.as_raw_fd();
    let mut names = match &folder.choice {
        Some(choice) => choice.below.keys().cloned().collect(),
        None => posix::names(dir)?,
    };
    names.sort_unstable();
    let rules = rules(job, folder, dir, &names)?;
    if folder.choice.is_none() && job.spec.exclude_caches && is_cache(dir) {
        names.retain(|n| n == b"CACHEDIR.TAG");
    }
    let mut before = before(job, folder);
    folder.saved.lock().expect("no panic").resize_with(names.len(), || None);
    let mut folders = Vec::new();
    for (index, name) in names.into_iter().enumerate() {
        let cname = posix::name(&name)?;
        let known = before.remove(&name);
        let stat = match posix::stat(dir, &cname) {
            Ok(stat) => stat,
            Err(e) => {
                job.trouble(folder.path(&name), format!("not saved: {}", reason(&e)));
                continue;
            }
        };
        let is_dir = stat.format() == libc::S_IFDIR;
        if let Some(rules) = &rules {
            if rules.ignores(Path::new(std::ffi::OsStr::from_bytes(&folder.path(&name))), is_dir) {
                continue;
            }
        }
        if is_dir {
            folders.push((index, name, stat, known));
        } else {
            entry(job, worker, folder, &handle, index, name, cname, stat, known)?;
        }
    }
    if !folders.is_empty() {
        folder.keep(&handle);
    }
    for (index, name, stat, known) in folders {
        subfolder(job, folder, dir, index, name, stat, known, rules.clone());
    }
    Ok(())
}

fn rules(job: &Job, folder: &Folder, dir: RawFd, names: &[Vec<u8>]) -> Result<Option<Arc<Rules>>> {
    let above = folder.rules.lock().expect("no panic").clone().or_else(|| job.excludes.clone());
    let Some(file) = job
        .spec
        .ignore_file
        .as_ref()
        .filter(|f| folder.choice.is_none() && names.binary_search(f).is_ok())
    else {
        return Ok(above);
    };
    let fd = posix::open_at(
        dir,
        &posix::name(file)?,
        libc::O_RDONLY | libc::O_NOFOLLOW | libc::O_NONBLOCK,
        0,
    )?;
    let mut text = vec![0; 1 << 20];
    let n = posix::read_at(fd.as_raw_fd(), &mut text, 0)?;
    match matcher(&folder.path(b""), &String::from_utf8_lossy(&text[..n])) {
        Ok(own) => Ok(Some(Arc::new(Rules { own, above }))),
        Err(e) => {
            job.trouble(folder.path(file), e.to_string());
            Ok(above)
        }
    }
}

/// A folder that says of itself that it is a cache (bford.info/cachedir).
fn is_cache(dir: RawFd) -> bool {
    let Ok(fd) = posix::open_at(
        dir,
        c"CACHEDIR.TAG",
        libc::O_RDONLY | libc::O_NOFOLLOW | libc::O_NONBLOCK,
        0,
    ) else {
        return false;
    };
    let mut head = [0; 43];
    posix::read_at(fd.as_raw_fd(), &mut head, 0).is_ok()
        && &head == b"Signature: 8a477f597d28d172789f06886806bc55"
}

/// What cannot be read of the parent is read from the source again: never an error.
fn before(job: &Job, folder: &Folder) -> Before {
    let Some((page, hints)) = &folder.before else { return Before::new() };
    let Ok(entries) = job.reader.entries(page) else { return Before::new() };
    let (known, below) = hints.as_ref().and_then(|h| job.reader.hints(h).ok()).unwrap_or_default();
    let mut below = below.into_iter();
    let fits = known.len() == entries.len();
    let hints = known.into_iter().chain(std::iter::repeat(Hint::default()));
    entries
        .into_iter()
        .zip(hints)
        .map(|(e, h)| {
            let next = if e.kind == page::DIR && fits { below.next() } else { None };
            (e.name.clone(), (e, if fits { h } else { Hint::default() }, next))
        })
        .collect()
}

#[allow(clippy::too_many_arguments)]
fn subfolder(
    job: &Job,
    folder: &Arc<Folder>,
    dir: RawFd,
    index: usize,
    name: Vec<u8>,
    stat: Stat,
    known: Option<(Entry, Hint, Option<Id>)>,
    rules: Option<Arc<Rules>>,
) {
    let mut own = base(job, &name, &stat, page::DIR);
    let same = known.as_ref().is_some_and(|(e, h, _)| unchanged(e, h, &stat));
    own.size = 0;
    match known.as_ref().filter(|_| same) {
        Some((e, _, _)) => {
            own.xattrs.clone_from(&e.xattrs);
            own.ext = e.ext.iter().filter(|x| x.0 != page::EXT_PARTIAL).cloned().collect();
        }
        None => {
            let opened =
                posix::name(&name).and_then(|n| posix::open_at(dir, &n, posix::DIR_FLAGS, 0));
            if let Ok(fd) = opened {
                describe(job, folder, &mut own, fd.as_raw_fd());
            }
        }
    }
    let mut child = Folder::new(Some((folder.clone(), index)), name);
    child.filesystem = folder.filesystem.or(Some(stat.filesystem));
    if let Some(choice) = &folder.choice {
        let chosen = &choice.below[&child.name];
        if !chosen.all {
            own.ext.push((page::EXT_PARTIAL, true, vec![]));
            child.filesystem = None;
            child.choice = Some(crate::folder::Choice { all: false, below: clone(&chosen.below) });
        } else {
            child.filesystem = Some(stat.filesystem);
        }
    }
    child.before = known.and_then(|(e, _, below)| match e.content {
        Content::Dir(id, _) => Some((id, below)),
        _ => None,
    });
    *child.rules.lock().expect("no panic") = rules;
    let foreign =
        job.spec.one_file_system && child.filesystem.is_some_and(|f| f != stat.filesystem);
    if foreign {
        // What is mounted there is not listed, so a restore must not take it for deleted.
        own.ext.push((page::EXT_PARTIAL, true, vec![]));
        child.choice = Some(crate::folder::Choice::default());
    }
    folder.put(index, Saved { entry: own, hint: hint(&stat, job.racy_from), below: None });
    folder.pending.fetch_add(1, Ordering::AcqRel);
    job.push(Task::Folder(Arc::new(child)));
}

fn clone(
    below: &BTreeMap<Vec<u8>, crate::folder::Choice>,
) -> BTreeMap<Vec<u8>, crate::folder::Choice> {
    let copy =
        |c: &crate::folder::Choice| crate::folder::Choice { all: c.all, below: clone(&c.below) };
    below.iter().map(|(k, v)| (k.clone(), copy(v))).collect()
}

/// Size, times and inode as the last scan saw them: then nothing of the entry has changed.
fn unchanged(e: &Entry, h: &Hint, stat: &Stat) -> bool {
    h.inode != 0
        && h.inode == stat.inode
        && h.ctime == stat.ctime
        && e.mtime == stat.mtime
        && (e.kind == page::DIR || e.size == stat.size)
}

/// An entry with everything `stat` says.
pub fn base(job: &Job, name: &[u8], stat: &Stat, kind: u8) -> Entry {
    let mut owners = job.owners.lock().expect("no panic");
    owners[0].insert(stat.uid);
    owners[1].insert(stat.gid);
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

/// Adds what only an open handle tells: attributes, ACLs, inode flags, project id.
pub fn describe(job: &Job, folder: &Folder, entry: &mut Entry, fd: RawFd) {
    match attribute::xattrs(fd) {
        Ok(found) => entry.xattrs = found,
        Err(e) => job.trouble(folder.path(&entry.name), reason(&e)),
    }
    let numbers =
        [(page::EXT_FLAGS, attribute::flags(fd)), (page::EXT_PROJECT, attribute::project(fd))];
    for (ext, number) in numbers.into_iter().filter(|(_, number)| *number != 0) {
        entry.ext.push((ext, false, number.to_le_bytes().to_vec()));
    }
}

#[allow(clippy::too_many_arguments)]
fn entry(
    job: &Job,
    worker: &mut Worker,
    folder: &Arc<Folder>,
    handle: &Arc<OwnedFd>,
    index: usize,
    name: Vec<u8>,
    cname: CString,
    stat: Stat,
    known: Option<(Entry, Hint, Option<Id>)>,
) -> Result<()> {
    job.progress.files.fetch_add(1, Ordering::Relaxed);
    let key = (stat.filesystem, stat.inode);
    let link = (stat.links > 1).then(|| link_group(&stat));
    let hint = hint(&stat, job.racy_from);
    if let Some((old, h, _)) = known {
        if unchanged(&old, &h, &stat) && old.link == link && held(job, &old)? {
            job.progress.reused.fetch_add(stat.size, Ordering::Relaxed);
            let mut owners = job.owners.lock().expect("no panic");
            owners[0].insert(stat.uid);
            owners[1].insert(stat.gid);
            drop(owners);
            folder.put(index, Saved { entry: old, hint, below: None });
            return Ok(());
        }
    }
    if link.is_some() {
        let first = job.links.lock().expect("no panic").get(&key).cloned();
        if let Some(first) = first {
            folder.put(index, Saved { entry: Entry { name, ..first }, hint, below: None });
            return Ok(());
        }
    }
    if stat.format() == libc::S_IFREG {
        return file::save(job, worker, folder, handle, index, &name, &cname, link, hint);
    }
    match special(job, &name, &cname, handle.as_raw_fd(), &stat) {
        Ok(mut own) => {
            own.link = link;
            if link.is_some() {
                job.links.lock().expect("no panic").insert(key, own.clone());
            }
            folder.put(index, Saved { entry: own, hint, below: None });
        }
        Err(e) => job.trouble(folder.path(&name), format!("not saved: {}", reason(&e))),
    }
    Ok(())
}

fn special(job: &Job, name: &[u8], cname: &CString, dir: RawFd, stat: &Stat) -> Result<Entry> {
    let (kind, content) = match stat.format() {
        libc::S_IFLNK => (page::LINK, Content::Target(posix::read_link(dir, cname)?)),
        libc::S_IFCHR => (page::CHAR, Content::Device(stat.device.0, stat.device.1)),
        libc::S_IFBLK => (page::BLOCK, Content::Device(stat.device.0, stat.device.1)),
        libc::S_IFIFO => (page::FIFO, Content::None),
        _ => (page::SOCKET, Content::None),
    };
    let mut own = base(job, name, stat, kind);
    own.content = content;
    own.xattrs = attribute::xattrs_at(dir, cname)?;
    Ok(own)
}

/// Entries with one group are names of one inode. The device number takes part, since two file systems
/// of one tree may use the same inode number.
fn link_group(stat: &Stat) -> u64 {
    let (major, minor) = stat.filesystem;
    let key = [&major.to_le_bytes()[..], &minor.to_le_bytes(), &stat.inode.to_le_bytes()].concat();
    u64::from_le_bytes(blake3::hash(&key).as_bytes()[..8].try_into().expect("8 bytes"))
}

/// Whether every chunk that an old entry names can still be read: chunk by chunk.
fn held(job: &Job, old: &Entry) -> Result<bool> {
    let ids = match job.reader.chunk_ids(&old.content) {
        Ok(ids) => ids,
        Err(Error::Missing(_) | Error::Damaged(_)) => return Ok(false),
        Err(e) => return Err(e),
    };
    Ok(ids.iter().all(|id| job.chunks.table.has(id)))
}
