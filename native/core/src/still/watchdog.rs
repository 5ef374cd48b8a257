//! The watchdog: the process that stops and continues a set. It takes one command a line from its
//! standard input and answers each with one line; when the input ends, or at the deadline, it
//! continues everything and undoes what was noted.
//!
//! ```text
//! begin FILE MILLISECONDS        begun HOME
//! undo KIND WORD...              noted
//! stop PID:START...              stood FROM SEEN gone=PID,... before=PID,...
//! freeze FOLDER                  stood FROM SEEN gone= before=
//! prove                          stands COUNT
//! thaw                           thawed FIRST LAST undone=COUNT failed=WORD,...
//! ```
//!
//! Paths and texts are hexadecimal, times nanoseconds of the clock that only goes forward. What
//! cannot be done is answered `refused TEXT`, and after the deadline everything but `thaw`.

use super::cgroup;
use super::procfs::{monotonic, since_boot, stat};
use super::record::{Line, Record};
use super::standstill::{Known, Standstill, Stood};
use super::undo::{hex, unhex, Undo};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

const MILLISECOND: u64 = 1_000_000;

/// What goes on besides: the end of the input is looked for while the watchdog waits.
pub type Ended<'a> = &'a mut dyn FnMut() -> bool;

#[derive(Default)]
pub struct Watchdog {
    still: Standstill,
    record: Option<Record>,
    undo: Vec<Undo>,
    limit: u64,
    /// When everything goes on; none before the first stop.
    deadline: Option<u64>,
    thawed: Option<String>,
    home: Option<PathBuf>,
}

impl Watchdog {
    /// Milliseconds until the deadline, rounded up; -1 while there is none.
    pub fn wait(&self) -> i32 {
        let left = |at: u64| at.saturating_sub(monotonic()).div_ceil(MILLISECOND);
        self.deadline.map_or(-1, |at| left(at).min(1 << 30) as i32)
    }

    /// The answer to one command.
    pub fn answer(&mut self, line: &str, ended: Ended) -> String {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let expired = self.thawed.is_some() && verb != "thaw";
        let outcome = match verb {
            _ if expired => Err("the longest pause is over: everything goes on again".into()),
            "begin" => self.begin(rest),
            "undo" => self.note(rest),
            "stop" => self.stop(rest, ended),
            "freeze" => self.freeze(rest, ended),
            "prove" => self.still.prove().map(|n| format!("stands {n}")),
            "thaw" => Ok(self.thaw()),
            _ => Err("no such command".into()),
        };
        outcome.unwrap_or_else(|why| format!("refused {}", hex(why.as_bytes())))
    }

    fn begin(&mut self, rest: &str) -> Result<String, String> {
        let (file, limit) = rest.split_once(' ').ok_or("begin wants a file and a limit")?;
        let path = path(file)?;
        self.limit = limit.parse::<u64>().map_err(|_| "the limit is no number")? * MILLISECOND;
        let mut record = Record::create(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        self.home = cgroup::leave();
        let home = self.home.clone().map(Line::Home);
        record.add(caller().into_iter().chain(home)).map_err(|e| e.to_string())?;
        self.record = Some(record);
        let home = self.home.as_deref().unwrap_or(Path::new(""));
        Ok(format!("begun {}", hex(home.as_os_str().as_bytes())))
    }

    fn add(&mut self, lines: impl Iterator<Item = Line>) -> Result<(), String> {
        let record = self.record.as_mut().ok_or("nothing was begun")?;
        record.add(lines).map_err(|e| format!("the state file cannot be written: {e}"))
    }

    fn note(&mut self, rest: &str) -> Result<String, String> {
        let step = Undo::parse(rest).ok_or("not a step")?;
        self.add(std::iter::once(Line::Undo(step.clone())))?;
        self.undo.push(step);
        Ok("noted".into())
    }

    /// The deadline, which the first stop sets.
    fn arm(&mut self) -> Result<(), String> {
        if self.deadline.is_none() {
            self.add(std::iter::once(Line::Deadline(since_boot() + self.limit)))?;
            self.deadline = Some(monotonic() + self.limit);
        }
        Ok(())
    }

    fn stop(&mut self, rest: &str, ended: Ended) -> Result<String, String> {
        let known = |word: &str| {
            let (pid, start) = word.split_once(':')?;
            Some(Known { pid: pid.parse().ok()?, start: start.parse().ok()? })
        };
        let words = rest.split(' ').map(known);
        let batch: Vec<Known> = words.collect::<Option<_>>().ok_or("not a process")?;
        self.arm()?;
        let opened = self.still.open(&batch)?;
        self.add(opened.ours().map(Line::Stop).collect::<Vec<_>>().into_iter())?;
        let deadline = self.deadline;
        self.still.stop(opened, &mut || go_on(deadline, ended)).map(|stood| told(&stood))
    }

    fn freeze(&mut self, rest: &str, ended: Ended) -> Result<String, String> {
        let folder = path(rest)?;
        self.arm()?;
        self.add(std::iter::once(Line::Freeze(folder.clone())))?;
        let deadline = self.deadline;
        self.still.freeze(&folder, &mut || go_on(deadline, ended)).map(|stood| told(&stood))
    }

    /// Continues everything, undoes what was noted, and is done. A second time it says the same.
    pub fn thaw(&mut self) -> String {
        if let Some(said) = &self.thawed {
            return said.clone();
        }
        let (first, last) = self.still.thaw();
        let steps = self.undo.drain(..).rev();
        let failed: Vec<String> =
            steps.filter_map(|s| s.act().err()).map(|e| hex(e.as_bytes())).collect();
        // What could not be undone is left to the next who reads the file.
        match self.record.take() {
            Some(record) if failed.is_empty() => record.remove(),
            _ => {}
        }
        self.deadline = None;
        let said = format!("thawed {first} {last} failed={}", failed.join(","));
        self.thawed = Some(said.clone());
        said
    }

    /// The deadline has come, if it has.
    pub fn expire(&mut self) {
        if self.deadline.is_some_and(|at| monotonic() >= at) {
            self.thaw();
        }
    }

    pub fn leave(&mut self) {
        self.thaw();
        if let Some(home) = self.home.take() {
            cgroup::come_back(&home);
        }
    }
}

/// Who started this process and holds the other end of its input.
fn caller() -> Option<Line> {
    let pid = std::os::unix::process::parent_id();
    stat(pid).map(|stat| Line::Caller(Known { pid, start: stat.start }))
}

fn go_on(deadline: Option<u64>, ended: Ended) -> Result<(), String> {
    if deadline.is_some_and(|at| monotonic() >= at) {
        return Err("the longest pause is over".into());
    }
    match ended() {
        true => Err("nobody waits for this any more".into()),
        false => Ok(()),
    }
}

fn path(word: &str) -> Result<PathBuf, String> {
    let bytes = unhex(word).ok_or("not a path")?;
    Ok(PathBuf::from(OsStr::from_bytes(&bytes)))
}

fn told(stood: &Stood) -> String {
    let list = |pids: &[u32]| pids.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
    let (gone, before) = (list(&stood.gone), list(&stood.before));
    format!("stood {} {} gone={gone} before={before}", stood.from, stood.seen)
}
