//! The state file of a barrier: who is about to be stopped and what is to be put back, written and
//! synced before it happens, so that anybody can set things right when all who did it are gone.
//!
//! It lies on a file system that ends with the machine's run, is readable to its owner only (a step
//! may hold a secret), and is locked by the watchdog as long as that lives.

use super::cgroup;
use super::pidfd::Pidfd;
use super::procfs::{monotonic, since_boot};
use super::standstill::Known;
use super::undo::{hex, unhex, Undo};
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

const HEAD: &str = "holdall barrier 1";
/// How long after its deadline a watchdog that still holds the file is waited for.
const OVERDUE: u64 = 1_000_000_000;

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Line {
    /// Nanoseconds since the machine started, from which on nothing may stand.
    Deadline(u64),
    /// A process that is stopped.
    Stop(Known),
    /// A cgroup that is frozen.
    Freeze(PathBuf),
    /// The watchdog's own cgroup.
    Home(PathBuf),
    Undo(Undo),
}

impl Line {
    fn text(&self) -> String {
        let path = |p: &Path| hex(p.as_os_str().as_bytes());
        match self {
            Line::Deadline(at) => format!("deadline {at}"),
            Line::Stop(Known { pid, start }) => format!("stop {pid} {start}"),
            Line::Freeze(folder) => format!("freeze {}", path(folder)),
            Line::Home(folder) => format!("home {}", path(folder)),
            Line::Undo(step) => format!("undo {}", step.words()),
        }
    }

    fn parse(text: &str) -> Option<Line> {
        let (kind, rest) = text.split_once(' ')?;
        let path = || Some(PathBuf::from(OsStr::from_bytes(&unhex(rest)?)));
        Some(match kind {
            "deadline" => Line::Deadline(rest.parse().ok()?),
            "stop" => {
                let (pid, start) = rest.split_once(' ')?;
                Line::Stop(Known { pid: pid.parse().ok()?, start: start.parse().ok()? })
            }
            "freeze" => Line::Freeze(path()?),
            "home" => Line::Home(path()?),
            "undo" => Line::Undo(Undo::parse(rest)?),
            _ => return None,
        })
    }
}

/// Tells one run of the machine from the next: numbers of processes mean nothing across.
fn boot() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_string()
}

fn lock(file: &File) -> bool {
    // SAFETY: a plain system call on a handle of ours.
    unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) == 0 }
}

/// The file while a barrier is under way.
pub struct Record {
    file: File,
    path: PathBuf,
}

impl Record {
    pub fn create(path: &Path) -> Result<Record, Error> {
        let mut how = OpenOptions::new();
        let mut file = how.append(true).create_new(true).mode(0o600).open(path)?;
        if !lock(&file) {
            return Err(Error::new(ErrorKind::WouldBlock, "the state file is locked"));
        }
        file.write_all(format!("{HEAD}\nboot {}\n", boot()).as_bytes())?;
        file.sync_all()?;
        let folder = path.parent().unwrap_or(Path::new("/"));
        File::open(folder)?.sync_all()?;
        Ok(Record { file, path: path.to_path_buf() })
    }

    /// Returns when the lines are durable.
    pub fn add(&mut self, lines: impl Iterator<Item = Line>) -> Result<(), Error> {
        let text: String = lines.map(|line| line.text() + "\n").collect();
        if !text.is_empty() {
            self.file.write_all(text.as_bytes())?;
            self.file.sync_data()?;
        }
        Ok(())
    }

    pub fn remove(self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// What was set right from a file.
#[derive(Default, Debug, PartialEq, Eq)]
pub struct Mended {
    /// Processes and cgroups that were continued.
    pub thawed: usize,
    pub undone: usize,
    /// Steps that could not be done; the file is kept for them.
    pub failed: Vec<String>,
}

/// Continues all that a file names, undoes its steps, and takes the file away. `None` while its
/// watchdog lives and is not overdue: it does this itself.
pub fn mend(path: &Path) -> Result<Option<Mended>, Error> {
    let mut file = OpenOptions::new().read(true).open(path)?;
    let locked = lock(&file);
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    let whole = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
    let mut lines = whole.lines();
    if lines.next().is_some_and(|head| head != HEAD) {
        let message = format!("{}: not a state file of this version", path.display());
        return Err(Error::new(ErrorKind::InvalidData, message));
    }
    let same_run = lines.next().and_then(|l| l.strip_prefix("boot ")) == Some(boot().as_str());
    let lines: Vec<Line> = lines.filter_map(Line::parse).collect();
    if !locked && !overdue(&lines) {
        return Ok(None);
    }
    let mut mended = Mended::default();
    if same_run {
        for line in lines.iter().rev() {
            mended.thawed += usize::from(thaw(line));
        }
        for line in lines.iter().rev() {
            if let Line::Undo(step) = line {
                match step.act() {
                    Ok(()) => mended.undone += 1,
                    Err(why) => mended.failed.push(why),
                }
            }
        }
    }
    if mended.failed.is_empty() {
        std::fs::remove_file(path)?;
    }
    Ok(Some(mended))
}

fn overdue(lines: &[Line]) -> bool {
    let mut deadlines = lines.iter().filter_map(|line| match line {
        Line::Deadline(at) => Some(*at),
        _ => None,
    });
    deadlines.next_back().is_some_and(|at| since_boot() > at + OVERDUE)
}

/// Whether there was something to continue.
fn thaw(line: &Line) -> bool {
    match line {
        Line::Stop(known) => match Pidfd::open(known.pid, known.start) {
            Ok(Some(process)) => process.signal(libc::SIGCONT).unwrap_or(false),
            _ => false,
        },
        Line::Freeze(folder) => cgroup::set(folder, false).is_ok(),
        Line::Home(folder) => {
            let _ = std::fs::remove_dir(folder);
            false
        }
        _ => false,
    }
}

/// A name that no other barrier has.
pub fn fresh_name() -> String {
    format!("barrier-{}-{}", std::process::id(), monotonic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> PathBuf {
        let at = std::env::temp_dir().join(format!("holdall-{}", fresh_name()));
        std::fs::create_dir(&at).expect("a folder can be made");
        at
    }

    #[test]
    fn lines_come_back() {
        let lines = [
            Line::Deadline(7),
            Line::Stop(Known { pid: 1, start: 2 }),
            Line::Freeze("/a b".into()),
            Line::Home("/c".into()),
            Line::Undo(Undo::Run(vec![b"true".to_vec()])),
        ];
        for line in lines {
            assert_eq!(Line::parse(&line.text()), Some(line));
        }
        assert_eq!(Line::parse("stop 1"), None);
    }

    #[test]
    fn a_torn_last_line_is_not_believed() {
        let folder = folder();
        let path = folder.join("torn");
        let undo = Undo::Run(vec![b"false".to_vec()]).words();
        let text = format!("{HEAD}\nboot {}\nundo {}", boot(), &undo[..undo.len()]);
        std::fs::write(&path, text).expect("it can be written");
        let mended = mend(&path).expect("it can be read").expect("nobody holds it");
        assert_eq!(mended, Mended::default());
        assert!(!path.exists());
        std::fs::remove_dir(folder).expect("it is empty");
    }

    #[test]
    fn a_held_file_is_left_alone_until_it_is_overdue() {
        let folder = folder();
        let path = folder.join("held");
        let mut record = Record::create(&path).expect("it can be made");
        assert!(Record::create(&path).is_err());
        record.add([Line::Deadline(since_boot() + OVERDUE)].into_iter()).expect("written");
        assert_eq!(mend(&path).expect("it can be read"), None);
        record.add([Line::Deadline(0)].into_iter()).expect("written");
        assert_eq!(mend(&path).expect("it can be read"), Some(Mended::default()));
        std::fs::remove_dir(folder).expect("it is empty");
    }

    #[test]
    fn a_step_that_fails_keeps_the_file_and_another_run_of_the_machine_is_not_touched() {
        let folder = folder();
        let path = folder.join("failed");
        let record = Record::create(&path).map(|mut record| {
            let step = |word: &str| Line::Undo(Undo::Run(vec![word.as_bytes().to_vec()]));
            record.add([step("true"), step("false")].into_iter()).expect("written");
        });
        record.expect("it can be made");
        let mended = mend(&path).expect("it can be read").expect("nobody holds it");
        assert_eq!((mended.undone, mended.failed.len(), path.exists()), (1, 1, true));
        let text = std::fs::read_to_string(&path).expect("it is there");
        std::fs::write(&path, text.replace(&boot(), "another")).expect("it can be written");
        assert_eq!(mend(&path).expect("it can be read"), Some(Mended::default()));
        std::fs::remove_dir(folder).expect("it is empty");
    }
}
