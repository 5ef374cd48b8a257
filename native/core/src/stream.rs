//! Standard input or a command's output, saved as the only file of a snapshot.

use crate::error::{Error, Result};
use crate::file::PART;
use crate::ingest::{Job, Outcome};
use crate::page::{Entry, Hint, FILE};
use crate::pages::{Pages, Saved};
use crate::worker::Worker;
use std::collections::HashMap;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::Ordering;

/// Milliseconds after which a silent stream is left to see whether the job is to end.
const SILENCE: i32 = 100;

/// Whether a read would not wait: it has bytes, or its end.
fn ready(job: &Job, input: RawFd) -> Result<bool> {
    if job.chunks.sink.cancelled.load(Ordering::Relaxed) {
        return Err(Error::Cancelled);
    }
    let mut poll = libc::pollfd { fd: input, events: libc::POLLIN, revents: 0 };
    // SAFETY: the kernel reads and fills one structure.
    let n = unsafe { libc::poll(&mut poll, 1, SILENCE) };
    if n < 0 && crate::posix::errno() == libc::EINTR {
        return Ok(false);
    }
    Ok(crate::posix::check(i64::from(n), "poll", b"")? > 0)
}

/// Saves one stream as the only file of a snapshot.
pub fn save(job: &Job, name: &[u8], input: impl AsRawFd, mtime: (i64, u32)) -> Result<Outcome> {
    let mut worker = Worker::new(job.chunks.clone())?;
    let mut buffer = vec![0u8; PART];
    let (mut held, mut ids, mut size) = (0, Vec::new(), 0u64);
    loop {
        if !ready(job, input.as_raw_fd())? {
            continue;
        }
        let (p, n) = (buffer[held..].as_mut_ptr().cast(), buffer.len() - held);
        // SAFETY: the kernel writes at most the room that is left.
        let n = unsafe { libc::read(input.as_raw_fd(), p, n) };
        if n < 0 && crate::posix::errno() == libc::EINTR {
            continue;
        }
        let n = crate::posix::check(n as i64, "read", name)? as usize;
        held += n;
        if n > 0 && held < buffer.len() {
            continue;
        }
        let lengths = worker.lengths(&buffer[..held], false, n == 0);
        ids.extend(worker.store(&buffer[..held], &lengths)?);
        let taken: usize = lengths.iter().sum();
        buffer.copy_within(taken..held, 0);
        held -= taken;
        size += taken as u64;
        job.progress.bytes.fetch_add(taken as u64, Ordering::Relaxed);
        if n == 0 {
            break;
        }
    }
    let content = worker.content(ids)?;
    // SAFETY: neither call can fail.
    let (uid, gid) = unsafe { (libc::getuid(), libc::getgid()) };
    let entry = Entry {
        name: name.to_vec(),
        kind: FILE,
        mode: 0o600,
        uid,
        gid,
        mtime,
        size,
        content,
        link: None,
        xattrs: vec![],
        ext: vec![],
    };
    let mut pages = Pages::default();
    pages.push(&mut worker, Saved { entry, hint: Hint::default(), below: None })?;
    let roots = pages.finish(&mut worker)?;
    worker.finish()?;
    job.chunks.sink.finish()?;
    Ok(Outcome { roots, users: vec![], groups: vec![], pages: HashMap::new() })
}
