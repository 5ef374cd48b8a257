//! The jobs: each runs on threads of its own and speaks through a bridge.

use crate::bridge::{Bridge, Callback, JobEvent};
use crate::keys::Keyring;
use crate::spec::{own, JobSpec, Own};
use crate::table::Index;
use holdall_core::error::{Error as CoreError, Result as CoreResult};
use holdall_core::fetch::Fetch;
use holdall_core::id_set::IdSet;
use holdall_core::index::{Indexed, Table};
use holdall_core::ingest::{self, Job as Ingest, Outcome};
use holdall_core::keyring::Keyring as Ring;
use holdall_core::list::{self, Rows};
use holdall_core::object::hex;
use holdall_core::pages::Roots;
use holdall_core::reader::Reader;
use holdall_core::restore::{self, What};
use holdall_core::sink::Sink;
use holdall_core::union::{self, Joined};
use holdall_core::writing::Writing;
use holdall_core::{output, stream, verify};
use napi::bindgen_prelude::*;
use napi_derive::napi;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, OnceLock};

/// One job under way: its replies, its counters, and the way to stop it.
#[napi]
pub struct Job {
    bridge: Arc<Bridge>,
    counts: Arc<restore::Counts>,
    progress: Counters,
}

/// How far a job is.
pub type Counters = Box<dyn Fn() -> Vec<f64> + Send + Sync>;

pub(crate) struct Run {
    pub spec: Own,
    pub ring: Arc<Ring>,
    pub table: Arc<Table>,
    pub needed: Arc<IdSet>,
    pub claimed: Arc<IdSet>,
    pub leaving: Arc<Mutex<Vec<Indexed>>>,
    bridge: Arc<Bridge>,
    ingest: Arc<OnceLock<Arc<Ingest>>>,
    pub counts: Arc<restore::Counts>,
}

/// Starts a job. `callback` gets events; the last is `done`.
#[napi(catch_unwind)]
pub fn start(
    keyring: &Keyring,
    index: &Index,
    spec: JobSpec,
    #[napi(ts_arg_type = "(event: JobEvent) => void")] callback: Callback,
) -> Result<Job> {
    let bridge = Bridge::new(callback);
    let run = Run {
        spec: own(spec)?,
        ring: Arc::new(keyring.ring.lock().expect("no panic").clone()),
        table: index.sealed(),
        needed: index.needed.clone(),
        claimed: index.claimed.clone(),
        leaving: index.leaving.clone(),
        bridge: bridge.clone(),
        ingest: Arc::default(),
        counts: Arc::default(),
    };
    let (ingest, counts) = (run.ingest.clone(), run.counts.clone());
    let progress = Box::new(move || progress(&ingest, &counts));
    let job = Job::new(bridge, run.counts.clone(), progress);
    job.begin(move || run.run());
    Ok(job)
}

fn progress(ingest: &OnceLock<Arc<Ingest>>, counts: &restore::Counts) -> Vec<f64> {
    let get = |n: &std::sync::atomic::AtomicU64| n.load(Ordering::Relaxed) as f64;
    match ingest.get() {
        Some(job) => {
            let (p, chunks) = (&job.progress, &job.chunks);
            let saved = [&p.files, &p.bytes, &p.reused, &chunks.new_bytes, &chunks.sink.stored];
            saved.map(get).to_vec()
        }
        None => {
            let c = counts;
            [&c.entries, &c.bytes, &c.written, &c.deleted, &c.stored, &c.requests].map(get).to_vec()
        }
    }
}

impl Job {
    pub fn new(bridge: Arc<Bridge>, counts: Arc<restore::Counts>, progress: Counters) -> Job {
        Job { bridge, counts, progress }
    }

    /// Runs the work on a thread of its own, and tells how it ended.
    pub fn begin(&self, work: impl FnOnce() -> CoreResult<String> + Send + 'static) {
        let bridge = self.bridge.clone();
        std::thread::spawn(move || {
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            let panicked = |_| Err(CoreError::Internal("the native core panicked".into()));
            bridge.send(JobEvent::done(result.unwrap_or_else(panicked)));
        });
    }
}

#[napi]
impl Job {
    /// Answers a put: durable, or why not.
    #[napi]
    pub fn reply(&self, request: f64, error: Option<String>) {
        self.bridge.reply(request as u64, error);
    }

    /// Answers a fetch. `lost`: what failed is this object, not the store.
    #[napi]
    pub fn give(
        &self,
        request: f64,
        bytes: Option<Buffer>,
        error: Option<String>,
        lost: Option<bool>,
    ) {
        let answer = match (bytes, lost) {
            (Some(bytes), _) => Ok(bytes.to_vec()),
            (None, Some(true)) => Err(CoreError::Missing(error.unwrap_or_default())),
            (None, _) => Err(CoreError::Store(error.unwrap_or_default())),
        };
        self.bridge.give(request as u64, answer);
    }

    #[napi]
    pub fn cancel(&self) {
        self.counts.cancelled.store(true, Ordering::SeqCst);
        self.bridge.cancel();
    }

    /// Files, bytes read, bytes taken from the parent, new bytes, stored bytes; or entries, bytes,
    /// bytes written, entries deleted, stored bytes read, ranges of packs these are; or, of a
    /// transfer, bytes read, new bytes, stored bytes.
    #[napi]
    pub fn progress(&self) -> Vec<f64> {
        (self.progress)()
    }
}

impl Run {
    fn run(&self) -> CoreResult<String> {
        match self.spec.verb.as_str() {
            "backup" | "stream" | "compare" => self.ingest(),
            "restore" => self.restore(),
            "scrub" => self.scrub(),
            "check" => self.check(),
            "mark" => self.mark(),
            "copy" => self.copy(),
            _ => self.read(),
        }
    }

    fn scrub(&self) -> CoreResult<String> {
        let Own { pack, length, .. } = &self.spec;
        let chunks = verify::pack(&self.ring, &*self.fetch(), pack, *length)?;
        Ok(format!("{{\"chunks\":{chunks}}}"))
    }

    pub(crate) fn fetch(&self) -> Arc<dyn Fetch> {
        self.bridge.fetch(&self.spec.folder, false)
    }

    pub(crate) fn reader(&self) -> CoreResult<Reader> {
        Reader::new(self.ring.clone(), self.table.clone(), self.fetch())
    }

    fn trouble(&self, path: Vec<u8>, message: String) {
        self.bridge.send(JobEvent::Trouble { path: path.into(), message });
    }

    pub(crate) fn sink(&self) -> CoreResult<Arc<Sink>> {
        self.bridge.open_sink(self.ring.clone(), self.spec.claim, self.spec.packing())
    }

    fn ingest(&self) -> CoreResult<String> {
        let spec = &self.spec;
        let sink = self.sink()?;
        let compare = spec.verb == "compare";
        let plan = ingest::Spec {
            paths: spec.paths.clone(),
            exclude: spec.exclude.clone(),
            ignore_file: spec.ignore_file.clone(),
            exclude_caches: spec.flags[0],
            one_file_system: spec.flags[1],
            no_sockets: spec.no_sockets,
            views: spec.views.clone(),
            parent: spec.parent,
            level: spec.level,
            workers: spec.workers,
            dry: spec.flags[2] || compare,
        };
        // A comparison looks at every page of its own, and stores none.
        let claimed = if compare { Arc::default() } else { self.claimed.clone() };
        let job = Ingest::new(plan, sink, self.table.clone(), claimed, self.reader()?)?;
        let job = Arc::new(job);
        let _ = self.ingest.set(job.clone());
        let outcome = if spec.verb == "stream" { self.stream(&job)? } else { job.run()? };
        for t in std::mem::take(&mut *job.troubles.lock().expect("no panic")) {
            self.trouble(t.path, t.message);
        }
        if compare {
            return self.compare(outcome);
        }
        Ok(outcome_json(&outcome))
    }

    fn stream(&self, job: &Ingest) -> CoreResult<Outcome> {
        let mtime = (self.spec.seconds, 0);
        let Some((program, args)) = self.spec.command.split_first() else {
            return stream::save(job, &self.spec.name, std::io::stdin(), mtime);
        };
        let failed = |what: String| CoreError::Command(format!("command {program}: {what}"));
        let mut child = std::process::Command::new(program)
            .args(args)
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .map_err(|e| failed(e.to_string()))?;
        let out = child.stdout.take().expect("piped");
        let outcome = stream::save(job, &self.spec.name, out, mtime);
        if outcome.is_err() {
            // Nobody reads what it still has to say; it may have ended by itself.
            let _ = child.kill();
        }
        let status = child.wait().map_err(|e| failed(e.to_string()))?;
        match status.success() || outcome.is_err() {
            true => outcome,
            false => Err(failed(format!("ended with {status}"))),
        }
    }

    /// A snapshot's folder against what a dry run saw of the same folder.
    fn compare(&self, outcome: Outcome) -> CoreResult<String> {
        let old = self.reader()?;
        let mut new = self.reader()?;
        new.overlay = outcome.pages;
        let below = |reader: &Reader, roots: &[[u8; 32]]| match self.spec.path.is_empty() {
            true => Ok(roots.to_vec()),
            false => union::find(reader, roots, &self.spec.path)
                .map(|found| found.map_or(vec![], |j| j.below)),
        };
        let a = below(&old, &self.spec.roots)?;
        let b = below(&new, &[outcome.roots.page])?;
        let mut emit = |rows: Vec<u8>| {
            self.bridge.send(JobEvent::Rows { bytes: rows.into() });
            Ok(())
        };
        list::diff(&old, a, &new, b, &prefix(&self.spec.path), &mut Rows::new(&mut emit))?;
        Ok("{}".into())
    }

    /// The entry that the path leads to, and the pages below it; no entry is the root.
    fn selected(&self, reader: &Reader) -> CoreResult<(Vec<[u8; 32]>, Option<Joined>)> {
        let roots = &self.spec.roots;
        if roots.is_empty() {
            return Err(CoreError::Invalid("no snapshot given".into()));
        }
        if self.spec.path.is_empty() {
            return Ok((roots.clone(), None));
        }
        let found = union::find(reader, roots, &self.spec.path)?;
        let shown = String::from_utf8_lossy(&self.spec.path.join(&b'/')).into_owned();
        let joined =
            found.ok_or_else(|| CoreError::Absent(format!("/{shown} is not in this snapshot")))?;
        Ok((joined.below.clone(), Some(joined)))
    }

    fn restore(&self) -> CoreResult<String> {
        let reader = self.reader()?;
        let (pages, joined) = self.selected(&reader)?;
        let plan = restore::Spec {
            target: self.spec.target.clone(),
            delete: self.spec.flags[4],
            dry: self.spec.flags[2],
            workers: self.spec.workers,
        };
        let what = match joined {
            Some(joined) if pages.is_empty() => What::Entry(joined),
            Some(joined) => What::Folder { pages, keeps: joined.entry.keeps() },
            // The root lists only the beginnings of the saved paths, unless `/` itself was saved.
            None => What::Folder { pages, keeps: !self.spec.paths.iter().any(Vec::is_empty) },
        };
        let writing = Writing::new(reader, self.counts.clone(), plan.dry);
        let done = restore::run(&writing, &plan, what);
        for (path, message) in std::mem::take(&mut *writing.troubles.lock().expect("no panic")) {
            self.trouble(path, message);
        }
        done.map(|()| "{}".into())
    }

    fn read(&self) -> CoreResult<String> {
        let reader = self.reader()?;
        let (pages, joined) = self.selected(&reader)?;
        let base = prefix(&self.spec.path);
        let mut emit = |rows: Vec<u8>| {
            self.bridge.send(JobEvent::Rows { bytes: rows.into() });
            Ok(())
        };
        match (self.spec.verb.as_str(), pages.is_empty(), &joined) {
            ("cat", true, Some(joined)) => output::cat(&reader, &joined.entry, 1)?,
            ("dump", false, _) => output::dump(&reader, &pages, 1)?,
            ("list", false, _) => {
                list::tree(&reader, &pages, &base, self.spec.flags[3], &mut Rows::new(&mut emit))?
            }
            ("list", true, Some(joined)) => {
                let mut rows = Rows::new(&mut emit);
                rows.push(&base, &joined.entry, "")?;
                rows.flush()?;
            }
            ("diff", _, _) => list::diff(
                &reader,
                self.spec.roots.clone(),
                &reader,
                self.spec.others.clone(),
                b"",
                &mut Rows::new(&mut emit),
            )?,
            (verb, file, _) => {
                let what = if file { "no folder" } else { "a folder" };
                return Err(CoreError::Invalid(format!(
                    "{verb}: /{} is {what}",
                    String::from_utf8_lossy(&self.spec.path.join(&b'/'))
                )));
            }
        }
        Ok("{}".into())
    }

    fn check(&self) -> CoreResult<String> {
        let reader = self.reader()?;
        let mut seen = Default::default();
        let bad = |id: &[u8; 32]| {
            let place = self.table.place(id);
            place.is_some_and(|p| {
                self.spec.damaged.contains(&self.table.packs[p.pack as usize].name())
            })
        };
        let (mut files, mut chunks) = (0, 0);
        for root in &self.spec.roots {
            let (f, c) = list::check(&reader, root, &mut seen, &bad, &mut |path, message| {
                self.trouble(path, message)
            });
            files += f;
            chunks += c;
        }
        Ok(format!("{{\"files\":{files},\"chunks\":{chunks}}}"))
    }
}

fn prefix(path: &[Vec<u8>]) -> Vec<u8> {
    path.iter().flat_map(|n| [b"/".to_vec(), n.clone()]).flatten().collect()
}

fn outcome_json(o: &Outcome) -> String {
    let owners = |list: &[(u32, String)]| {
        let rows: Vec<String> = list.iter().map(|(id, name)| format!("[{id},{name:?}]")).collect();
        rows.join(",")
    };
    let (roots, users, groups) = (roots_json(&o.roots), owners(&o.users), owners(&o.groups));
    format!("{},\"users\":[{users}],\"groups\":[{groups}]}}", &roots[..roots.len() - 1])
}

/// A manifest's roots and what lies below them.
pub fn roots_json(roots: &Roots) -> String {
    let holdall_core::page::Summary { entries, files, bytes } = roots.summary;
    format!(
        "{{\"root\":\"{}\",\"hints\":\"{}\",\"entries\":{entries},\"files\":{files},\
         \"bytes\":{bytes}}}",
        hex(&roots.page),
        hex(&roots.hints),
    )
}
