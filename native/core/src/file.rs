//! Reading one regular file. A large one goes from worker to worker like a baton: whoever holds it
//! reads and finds the cuts of one part, hands it on, and only then hashes and compresses that
//! part.

use crate::error::Result;
use crate::folder::Segment;
use crate::ingest::{Job, Task};
use crate::page::{Entry, Hint, EXT_EXTENTS, FILE};
use crate::pages::Saved;
use crate::posix::{self, Stat};
use crate::runs::Runs;
use crate::scan::{base, describe, reason};
use crate::worker::Worker;
use std::ffi::CString;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Bytes read at once.
pub const PART: usize = 2 << 20;

pub struct Large {
    segment: Arc<Segment>,
    index: usize,
    fd: OwnedFd,
    stat: Stat,
    entry: Mutex<Entry>,
    hint: Hint,
    /// Where its data lies; none for a file without holes.
    runs: Option<Runs>,
    length: u64,
    paged: bool,
    parts: Mutex<Vec<(usize, Vec<u8>)>>,
    pending: AtomicUsize,
    /// A part could not be read: the file is not saved.
    failed: AtomicBool,
}

impl Large {
    /// Tells the kernel how the file will be read. Of one with holes it is to read only what it is
    /// asked for: what it holds of an allocated but unwritten range counts as data from then on.
    fn announce(&self) {
        let want = match self.runs {
            Some(_) => libc::POSIX_FADV_RANDOM,
            None => libc::POSIX_FADV_WILLNEED,
        };
        // SAFETY: a plain system call on an open descriptor; it is only advice.
        unsafe { libc::posix_fadvise(self.fd.as_raw_fd(), 0, PART as i64, want) };
    }

    /// The file ended early: its data is only so long, whatever it was when it was opened. Extents
    /// that have no data any more go, and the file ends where the last one does.
    fn shorten(&self, length: u64) {
        let mut entry = self.entry.lock().expect("no panic");
        let Some(runs) = &self.runs else {
            entry.size = length;
            return;
        };
        let (mut left, mut bytes) = (length, Vec::new());
        entry.size = 0;
        for (at, run) in runs.iter() {
            let kept = left.min(run);
            left -= kept;
            if kept > 0 {
                entry.size = at + kept;
                bytes.extend_from_slice(&at.to_le_bytes());
                bytes.extend_from_slice(&kept.to_le_bytes());
            }
        }
        entry.ext.retain(|e| e.0 != EXT_EXTENTS);
        entry.ext.insert(0, (EXT_EXTENTS, true, bytes));
    }

    /// Reads the stream of the file's data at `offset`: its extents one after the other.
    fn read(&self, out: &mut [u8], offset: u64) -> Result<usize> {
        let Some(runs) = &self.runs else {
            return posix::read_at(self.fd.as_raw_fd(), out, offset);
        };
        let mut done = 0;
        runs.each(offset, out.len(), &mut |at, range| {
            // After a run that ended early, what follows is of no use.
            if range.start == done {
                done += posix::read_at(self.fd.as_raw_fd(), &mut out[range], at)?;
            }
            Ok(())
        })?;
        Ok(done)
    }
}

/// A regular file that must be read, as the scan saw it.
pub struct Wanted {
    pub index: usize,
    pub name: Vec<u8>,
    pub cname: CString,
    pub stat: Stat,
    pub link: Option<u64>,
    pub hint: Hint,
}

/// Files opened together, so that the kernel fetches all of them while the first is read.
const TOGETHER: usize = 32;

/// Reads files in the order given; whoever calls holds the segment until all have begun.
pub fn save(
    job: &Job,
    worker: &mut Worker,
    segment: &Arc<Segment>,
    dir: &OwnedFd,
    files: Vec<Wanted>,
) -> Result<()> {
    let mut files = files.into_iter().peekable();
    while files.peek().is_some() {
        let open = |wanted| open(job, segment, dir, wanted);
        let batch: Vec<Large> = files.by_ref().take(TOGETHER).filter_map(open).collect();
        let several = batch.len() > 1;
        batch.iter().filter(|l| several || l.runs.is_some()).for_each(Large::announce);
        for large in batch {
            segment.hold();
            part(job, worker, Arc::new(large), 0, 0)?;
        }
    }
    Ok(())
}

/// Opens a file; what cannot be opened is told, and not saved.
fn open(job: &Job, segment: &Arc<Segment>, dir: &OwnedFd, wanted: Wanted) -> Option<Large> {
    let path = || segment.folder.dir.path(&wanted.name);
    let flags = libc::O_RDONLY | libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let opened = posix::open_at(dir.as_raw_fd(), &wanted.cname, flags | libc::O_NOATIME, 0)
        .or_else(|_| posix::open_at(dir.as_raw_fd(), &wanted.cname, flags, 0))
        .and_then(|fd| Ok((posix::stat(fd.as_raw_fd(), c"")?, fd)));
    let (stat, fd) = match opened {
        Ok((stat, fd)) if stat.format() == libc::S_IFREG => (stat, fd),
        Ok(_) => {
            job.trouble(path(), "not saved: became another kind of file".into());
            segment.folder.leave_out();
            return None;
        }
        Err(e) => {
            job.trouble(path(), format!("not saved: {}", reason(&e)));
            segment.folder.leave_out();
            return None;
        }
    };
    let mut entry = base(job, &wanted.name, &stat, FILE);
    // A file that was replaced since the scan saw it is no name of the old inode, nor has its hint.
    let replaced = (stat.filesystem, stat.inode) != (wanted.stat.filesystem, wanted.stat.inode);
    entry.link = wanted.link.filter(|_| !replaced);
    let whole = describe(job, &segment.folder.dir, &mut entry, fd.as_raw_fd());
    let extents = posix::extents(fd.as_raw_fd(), stat.size);
    if let Some(list) = &extents {
        let bytes = list.iter().flat_map(|(at, n)| [at.to_le_bytes(), n.to_le_bytes()]);
        entry.ext.insert(0, (EXT_EXTENTS, true, bytes.flatten().collect()));
    }
    let length = extents.as_ref().map_or(stat.size, |l| l.iter().map(|e| e.1).sum());
    let mut large = Large {
        segment: segment.clone(),
        index: wanted.index,
        fd,
        stat,
        entry: Mutex::new(entry),
        hint: if replaced || !whole { Hint::default() } else { wanted.hint },
        runs: extents.map(Runs::new),
        length,
        paged: false,
        parts: Mutex::default(),
        pending: AtomicUsize::new(1),
        failed: AtomicBool::new(false),
    };
    if length >= 64 << 10 {
        let mut head = [0; 64];
        // A file whose beginning cannot be read is told when its first part is.
        let n = large.read(&mut head, 0).unwrap_or(0);
        large.paged = crate::cut::is_paged(&head[..n]);
    }
    Some(large)
}

/// Reads, cuts and stores one part of a file; passes the baton before the slow half.
pub fn part(
    job: &Job,
    worker: &mut Worker,
    large: Arc<Large>,
    offset: u64,
    number: usize,
) -> Result<()> {
    let size = (large.length - offset).min(PART as u64) as usize;
    let mut buffer = std::mem::take(&mut worker.buffer);
    if buffer.len() < size {
        buffer.resize(size, 0);
    }
    let outcome = large.read(&mut buffer[..size], offset);
    let got = match &outcome {
        Ok(n) => *n,
        Err(e) => {
            large.failed.store(true, Ordering::Release);
            let entry = large.entry.lock().expect("no panic");
            let path = large.segment.folder.dir.path(&entry.name);
            job.trouble(path, format!("not saved: {}", reason(e)));
            0
        }
    };
    let last = got < size || offset + got as u64 == large.length;
    let lengths = worker.lengths(&buffer[..got], large.paged, last);
    let taken: usize = lengths.iter().sum();
    if !last {
        large.pending.fetch_add(1, Ordering::AcqRel);
        job.push(Task::Large(large.clone(), offset + taken as u64, number + 1));
    }
    let ids = worker.store(&buffer[..taken], &lengths);
    worker.buffer = buffer;
    large.parts.lock().expect("no panic").push((number, ids?));
    job.progress.bytes.fetch_add(taken as u64, Ordering::Relaxed);
    if got < size {
        large.shorten(offset + got as u64);
    }
    if large.pending.fetch_sub(1, Ordering::AcqRel) == 1 {
        return close(job, worker, &large);
    }
    Ok(())
}

/// After the last part: the file is saved as it was seen, unless it could not be read.
fn close(job: &Job, worker: &mut Worker, large: &Large) -> Result<()> {
    if large.failed.load(Ordering::Acquire) {
        large.segment.folder.leave_out();
        return job.done(worker, large.segment.clone());
    }
    let mut parts = std::mem::take(&mut *large.parts.lock().expect("no panic"));
    parts.sort_unstable_by_key(|p| p.0);
    let ids = parts.into_iter().flat_map(|p| p.1).collect();
    let mut entry = large.entry.lock().expect("no panic").clone();
    entry.content = worker.content(ids)?;
    let now = posix::stat(large.fd.as_raw_fd(), c"");
    let same = now.is_ok_and(|n| {
        n.size == large.stat.size && n.mtime == large.stat.mtime && n.ctime == large.stat.ctime
    });
    let mut hint = large.hint;
    if !same {
        hint.inode = 0;
        let path = large.segment.folder.dir.path(&entry.name);
        job.trouble(path, "changed while it was read; saved as it was seen".into());
    }
    let entry = job.linked(&large.stat, entry);
    large.segment.put(large.index, Saved { entry, hint, below: None });
    job.done(worker, large.segment.clone())
}
