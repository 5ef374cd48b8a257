//! The ingest job: a parallel walk whose workers read, cut, hash, compress and seal.
//!
//! Commit point: none here. When it returns, everything is durable and indexed; the caller puts the
//! snapshot that makes it count.

use crate::dir::Dir;
use crate::error::{Error, Result};
use crate::folder::{self, Choice, Folder, Segment, Step};
use crate::id_set::IdSet;
use crate::index::Table;
use crate::pack::Id;
use crate::page::Entry;
use crate::pages::Roots;
use crate::posix::{self, Stat};
use crate::reader::Reader;
use crate::rules::Rules;
use crate::sink::Sink;
use crate::worker::{Chunks, Worker};
use std::collections::{BTreeSet, HashMap};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

pub struct Spec {
    /// Absolute paths, each a sequence of names.
    pub paths: Vec<Vec<Vec<u8>>>,
    pub exclude: Vec<String>,
    pub ignore_file: Option<Vec<u8>>,
    pub exclude_caches: bool,
    pub one_file_system: bool,
    /// Sockets are left out, whatever their names are.
    pub no_sockets: bool,
    /// Folders that are read elsewhere: an absolute path, and where what it was stands still.
    pub views: Vec<(Vec<Vec<u8>>, Vec<u8>)>,
    /// Roots of the parent snapshot's pages and hints.
    pub parent: Option<(Id, Option<Id>)>,
    pub level: i32,
    pub workers: usize,
    pub dry: bool,
}

pub struct Outcome {
    pub roots: Roots,
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
    Segment(folder::Task),
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
    pub links: Mutex<HashMap<Inode, Entry>>,
    owners: Mutex<[BTreeSet<u32>; 2]>,
    /// The owner seen last: most entries need not ask for the lock.
    owner: AtomicU64,
    excludes: Option<Arc<Rules>>,
    /// Full path and handle of each folder that is read elsewhere; a root's path is empty.
    views: HashMap<Vec<u8>, Arc<OwnedFd>>,
    tasks: Mutex<Vec<Task>>,
    wake: Condvar,
    idle: AtomicUsize,
    over: AtomicBool,
    failure: Mutex<Option<Error>>,
    result: Mutex<Option<Roots>>,
}

impl Job {
    /// `claimed` is that of the jobs before, which together are one backup.
    pub fn new(
        spec: Spec,
        sink: Arc<Sink>,
        table: Arc<Table>,
        claimed: Arc<IdSet>,
        reader: Reader,
    ) -> Result<Job> {
        let chunks = Arc::new(Chunks::new(sink, table, claimed, spec.level, spec.dry)?);
        let excludes = match spec.exclude.is_empty() {
            true => None,
            false => Some(Arc::new(Rules::new(b"/", &spec.exclude.join("\n"), None)?)),
        };
        let views = spec.views.iter().map(|(path, view)| {
            let handle = posix::open_at(libc::AT_FDCWD, &posix::name(view)?, posix::DIR_FLAGS, 0)?;
            let full = path.iter().flat_map(|n| [b"/", &n[..]].concat()).collect();
            Ok((full, Arc::new(handle)))
        });
        let views = views.collect::<Result<_>>()?;
        Ok(Job {
            spec,
            chunks,
            reader,
            progress: Progress::default(),
            troubles: Mutex::default(),
            racy_from: coarse_now(),
            links: Mutex::default(),
            owners: Mutex::default(),
            owner: AtomicU64::new(u64::MAX),
            excludes,
            views,
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
        let handle = match self.views.get(&b""[..]) {
            Some(view) => view.try_clone().map_err(|_| Error::source("open", b"/"))?,
            None => posix::open_at(libc::AT_FDCWD, c"/", posix::DIR_FLAGS, 0)?,
        };
        let dir = Dir::root(Vec::new(), handle);
        let mut root = Folder::new(dir, None, self.spec.parent);
        root.choice = (!choice.all).then_some(choice);
        root.rules.clone_from(&self.excludes);
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
        let roots = self.result.lock().expect("no panic").take().ok_or(Error::Cancelled)?;
        let owners = self.owners.lock().expect("no panic");
        let users = owners[0].iter().filter_map(|id| Some((*id, crate::owner::user_name(*id)?)));
        let groups = owners[1].iter().filter_map(|id| Some((*id, crate::owner::group_name(*id)?)));
        let pages =
            self.chunks.dry.as_ref().map(|p| std::mem::take(&mut *p.lock().expect("no panic")));
        Ok(Outcome {
            roots,
            users: users.collect(),
            groups: groups.collect(),
            pages: pages.unwrap_or_default(),
        })
    }

    /// A panic of one worker ends the job with an error, never the process.
    fn guarded(&self) {
        let work = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.work()));
        let failed = match work {
            Ok(Ok(())) => return,
            Ok(Err(e)) => e,
            Err(_) => Error::Internal("a worker panicked".into()),
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
                Task::Segment(task) => crate::scan::segment(self, &mut worker, task)?,
                Task::Large(large, offset, part) => {
                    crate::file::part(self, &mut worker, large, offset, part)?
                }
            }
        }
        worker.finish()
    }

    /// The folder that is read in place of this one.
    pub fn view(&self, dir: &Dir, name: &[u8]) -> Option<Arc<OwnedFd>> {
        if self.views.is_empty() {
            return None;
        }
        self.views.get(&dir.path(name)).cloned()
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

    /// Names of one inode are one entry, the one that was seen first: whatever changes between two
    /// of them, a restore makes one file of both.
    pub fn linked(&self, stat: &Stat, entry: Entry) -> Entry {
        if entry.link.is_none() {
            return entry;
        }
        let mut links = self.links.lock().expect("no panic");
        let first = links.entry((stat.filesystem, stat.inode)).or_insert_with(|| entry.clone());
        Entry { name: entry.name, ..first.clone() }
    }

    /// Notes an owner whose name the snapshot will tell.
    pub fn owned(&self, stat: &Stat) {
        let both = u64::from(stat.uid) << 32 | u64::from(stat.gid);
        if self.owner.swap(both, Ordering::Relaxed) != both {
            let mut owners = self.owners.lock().expect("no panic");
            owners[0].insert(stat.uid);
            owners[1].insert(stat.gid);
        }
    }

    /// One part of a segment is done.
    pub fn done(&self, worker: &mut Worker, segment: Arc<Segment>) -> Result<()> {
        self.follow(folder::done(segment, worker, &self.reader)?);
        Ok(())
    }

    /// Does what a finished piece of work leads to. The first of several tasks is taken first.
    pub fn follow(&self, step: Step) {
        match step {
            Step::Tasks(tasks) => {
                tasks.into_iter().rev().for_each(|t| self.push(Task::Segment(t)));
            }
            Step::Root(roots) => *self.result.lock().expect("no panic") = Some(roots),
        }
    }
}

/// The clock that file systems stamp changes with. Whatever changed no earlier than the scan's
/// start may change again within the same tick, and is read again next time.
fn coarse_now() -> (i64, u32) {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel fills `t`.
    unsafe { libc::clock_gettime(libc::CLOCK_REALTIME_COARSE, &mut t) };
    (t.tv_sec, t.tv_nsec as u32)
}
