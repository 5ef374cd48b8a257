//! The ingest job: a parallel walk whose workers read, cut, hash, compress and seal.
//!
//! Commit point: none here. When it returns, everything is durable and indexed; the caller puts the
//! snapshot that makes it count.

use crate::error::{Error, Result};
use crate::folder::{pages, Choice, Folder, Rules, Saved};
use crate::index::Table;
use crate::pack::Id;
use crate::page::Summary;
use crate::reader::Reader;
use crate::sink::Sink;
use crate::worker::{Chunks, Worker};
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use std::collections::HashMap;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

pub struct Spec {
    /// Absolute paths, each a sequence of names.
    pub paths: Vec<Vec<Vec<u8>>>,
    pub exclude: Vec<String>,
    pub ignore_file: Option<Vec<u8>>,
    pub exclude_caches: bool,
    pub one_file_system: bool,
    /// Roots of the parent snapshot's pages and hints.
    pub parent: Option<(Id, Option<Id>)>,
    pub level: i32,
    pub workers: usize,
    pub dry: bool,
}

pub struct Outcome {
    pub root: Id,
    pub hints: Id,
    pub summary: Summary,
    pub users: Vec<(u32, String)>,
    pub groups: Vec<(u32, String)>,
    /// The pages of a dry run.
    pub pages: HashMap<Id, Vec<u8>>,
}

/// A file or folder that could not be saved as it is.
pub struct Trouble {
    pub path: Vec<u8>,
    pub message: String,
}

#[derive(Default)]
pub struct Progress {
    pub files: AtomicU64,
    pub bytes: AtomicU64,
    pub reused: AtomicU64,
}

pub enum Task {
    Folder(Arc<Folder>),
    Large(Arc<crate::file::Large>, u64, usize),
}

/// Device (major, minor) and inode number.
type Inode = ((u32, u32), u64);

pub struct Job {
    pub spec: Spec,
    pub chunks: Arc<Chunks>,
    pub reader: Reader,
    pub progress: Progress,
    pub troubles: Mutex<Vec<Trouble>>,
    pub racy_from: (i64, u32),
    pub links: Mutex<HashMap<Inode, crate::page::Entry>>,
    pub owners: Mutex<[std::collections::BTreeSet<u32>; 2]>,
    pub excludes: Option<Arc<Rules>>,
    tasks: Mutex<Vec<Task>>,
    wake: Condvar,
    idle: AtomicUsize,
    over: AtomicBool,
    failure: Mutex<Option<Error>>,
    result: Mutex<Option<(Id, Id, Summary)>>,
}

impl Job {
    pub fn new(spec: Spec, sink: Arc<Sink>, table: Arc<Table>, reader: Reader) -> Result<Job> {
        let chunks = Arc::new(Chunks::new(sink, table, spec.level, spec.dry)?);
        let excludes = match spec.exclude.is_empty() {
            true => None,
            false => {
                Some(Arc::new(Rules { own: matcher(b"/", &spec.exclude.join("\n"))?, above: None }))
            }
        };
        Ok(Job {
            spec,
            chunks,
            reader,
            progress: Progress::default(),
            troubles: Mutex::default(),
            racy_from: coarse_now(),
            links: Mutex::default(),
            owners: Mutex::default(),
            excludes,
            tasks: Mutex::default(),
            wake: Condvar::new(),
            idle: AtomicUsize::new(0),
            over: AtomicBool::new(false),
            failure: Mutex::new(None),
            result: Mutex::new(None),
        })
    }

    /// Runs to the end on its own threads; everything is durable and indexed on return.
    pub fn run(&self) -> Result<Outcome> {
        let mut choice = Choice::default();
        self.spec.paths.iter().for_each(|p| choice.add(p));
        let mut root = Folder::new(None, Vec::new());
        let handle = crate::posix::open_at(libc::AT_FDCWD, c"/", crate::posix::DIR_FLAGS, 0)?;
        root.handle = Mutex::new(Some(Arc::new(handle)));
        root.choice = (!choice.all).then_some(choice);
        root.before = self.spec.parent;
        self.push(Task::Folder(Arc::new(root)));
        std::thread::scope(|scope| {
            for _ in 0..self.spec.workers.max(1) {
                scope.spawn(|| self.guarded());
            }
        });
        if let Some(e) = self.failure.lock().expect("no panic").take() {
            return Err(e);
        }
        if !self.spec.dry {
            self.chunks.sink.finish()?;
        }
        let (root, hints, summary) =
            self.result.lock().expect("no panic").take().ok_or(Error::Cancelled)?;
        let owners = self.owners.lock().expect("no panic");
        let pages =
            self.chunks.dry.as_ref().map(|p| std::mem::take(&mut *p.lock().expect("no panic")));
        Ok(Outcome {
            root,
            hints,
            summary,
            users: owners[0]
                .iter()
                .filter_map(|id| Some((*id, crate::owner::user_name(*id)?)))
                .collect(),
            groups: owners[1]
                .iter()
                .filter_map(|id| Some((*id, crate::owner::group_name(*id)?)))
                .collect(),
            pages: pages.unwrap_or_default(),
        })
    }

    /// A panic of one worker ends the job with an error, never the process.
    fn guarded(&self) {
        let work = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.work()));
        let failed = match work {
            Ok(Ok(())) => return,
            Ok(Err(e)) => e,
            Err(_) => Error::Invalid("a worker panicked; please report this".into()),
        };
        self.failure.lock().expect("no panic").get_or_insert(failed);
        self.over.store(true, Ordering::SeqCst);
        self.wake.notify_all();
    }

    fn work(&self) -> Result<()> {
        let mut worker = Worker::new(self.chunks.clone())?;
        while let Some(task) = self.take() {
            if self.chunks.sink.cancelled.load(Ordering::Relaxed) {
                return Err(Error::Cancelled);
            }
            match task {
                Task::Folder(folder) => crate::scan::folder(self, &mut worker, folder)?,
                Task::Large(large, offset, part) => {
                    crate::file::part(self, &mut worker, large, offset, part)?
                }
            }
        }
        worker.finish()
    }

    pub fn push(&self, task: Task) {
        self.tasks.lock().expect("no panic").push(task);
        self.wake.notify_one();
    }

    fn take(&self) -> Option<Task> {
        let mut tasks = self.tasks.lock().expect("no panic");
        self.idle.fetch_add(1, Ordering::SeqCst);
        loop {
            if self.over.load(Ordering::SeqCst) {
                return None;
            }
            if let Some(task) = tasks.pop() {
                self.idle.fetch_sub(1, Ordering::SeqCst);
                return Some(task);
            }
            if self.idle.load(Ordering::SeqCst) == self.spec.workers.max(1) {
                self.over.store(true, Ordering::SeqCst);
                self.wake.notify_all();
                return None;
            }
            tasks = self.wake.wait(tasks).expect("no panic");
        }
    }

    pub fn trouble(&self, path: Vec<u8>, message: String) {
        self.troubles.lock().expect("no panic").push(Trouble { path, message });
    }

    /// One part of a folder is done. When it was the last, its pages are written and the parent is
    /// told, and so on upwards: a loop, because trees can be deeper than a stack.
    pub fn done(&self, worker: &mut Worker, mut folder: Arc<Folder>) -> Result<()> {
        let page_key = self.reader.domain.ids[1];
        while folder.pending.fetch_sub(1, Ordering::AcqRel) == 1 {
            let saved: Vec<Saved> = std::mem::take(&mut *folder.saved.lock().expect("no panic"))
                .into_iter()
                .flatten()
                .collect();
            let (page, hints, summary) = pages(worker, saved, &page_key)?;
            let Some((parent, index)) = folder.parent.clone() else {
                *self.result.lock().expect("no panic") = Some((page, hints, summary));
                return Ok(());
            };
            if let Some(saved) = &mut parent.saved.lock().expect("no panic")[index] {
                saved.entry.content = crate::page::Content::Dir(page, summary);
                saved.below = Some(hints);
            }
            folder = parent;
        }
        Ok(())
    }
}

/// Rules in gitignore's syntax, anchored at `root`.
pub fn matcher(root: &[u8], text: &str) -> Result<Gitignore> {
    use std::os::unix::ffi::OsStrExt;
    let mut builder =
        GitignoreBuilder::new(std::path::Path::new(std::ffi::OsStr::from_bytes(root)));
    for line in text.lines() {
        builder
            .add_line(None, line)
            .map_err(|e| Error::Invalid(format!("pattern {line:?}: {e}")))?;
    }
    builder.build().map_err(|e| Error::Invalid(format!("patterns: {e}")))
}

/// The clock that file systems stamp changes with. Whatever changed no earlier than the scan's start
/// may change again within the same tick, and is read again next time.
fn coarse_now() -> (i64, u32) {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel fills `t`.
    unsafe { libc::clock_gettime(libc::CLOCK_REALTIME_COARSE, &mut t) };
    (t.tv_sec, t.tv_nsec as u32)
}

/// Saves one stream as the only file of a snapshot.
pub fn stream(job: &Job, name: &[u8], input: impl AsRawFd, mtime: (i64, u32)) -> Result<Outcome> {
    use crate::page::{Entry, Hint, FILE};
    let mut worker = Worker::new(job.chunks.clone())?;
    let mut buffer = vec![0u8; crate::file::PART];
    let (mut held, mut ids, mut size) = (0, Vec::new(), 0u64);
    loop {
        let (p, n) = (buffer[held..].as_mut_ptr().cast(), buffer.len() - held);
        // SAFETY: `p` has room for `n` bytes.
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
    // SAFETY: both calls only return numbers.
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
    let (root, hints, summary) = pages(
        &mut worker,
        vec![Saved { entry, hint: Hint::default(), below: None }],
        &job.reader.domain.ids[1],
    )?;
    worker.finish()?;
    job.chunks.sink.finish()?;
    Ok(Outcome { root, hints, summary, users: vec![], groups: vec![], pages: HashMap::new() })
}
