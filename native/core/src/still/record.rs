//! The state file of a barrier: who is about to be stopped and what is to be put back, written and
//! synced before it happens, so that anybody can set things right when all who did it are gone.
//!
//! It lies on a file system that ends with the machine's run, is readable to its owner only (a step
//! may hold a secret), and is locked by the watchdog as long as that lives.

use super::cgroup;
use super::pidfd::Pidfd;
use super::procfs::{monotonic, since_boot, stat};
use super::standstill::Known;
use super::undo::{hex, unhex, Undo};
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Read, Seek, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

const HEAD: &str = "holdall barrier 1";
/// How long after its deadline a watchdog that still holds the file is waited for.
const OVERDUE: u64 = 1_000_000_000;
/// How long one is waited for that nobody commands any more: it continues everything at once, or
/// is being killed, which takes its time where it was writing.
const FORSAKEN: u64 = 10_000_000_000;

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Line {
    /// Who commands the watchdog.
    Caller(Known),
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
            Line::Caller(Known { pid, start }) => format!("caller {pid} {start}"),
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
        let known = || {
            let (pid, start) = rest.split_once(' ')?;
            Some(Known { pid: pid.parse().ok()?, start: start.parse().ok()? })
        };
        Some(match kind {
            "caller" => Line::Caller(known()?),
            "deadline" => Line::Deadline(rest.parse().ok()?),
            "stop" => Line::Stop(known()?),
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
/// watchdog lives, is commanded and is not overdue: it does this itself.
pub fn mend(path: &Path) -> Result<Option<Mended>, Error> {
    let file = OpenOptions::new().read(true).open(path)?;
    let from = monotonic();
    loop {
        let locked = lock(&file);
        // Its watchdog has set it right meanwhile.
        if file.metadata()?.nlink() == 0 {
            return Ok(Some(Mended::default()));
        }
        let lines = read(&file, path)?;
        if locked || overdue(&lines) {
            return set_right(path, &lines).map(Some);
        }
        if !forsaken(&lines) || monotonic() > from + FORSAKEN {
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The whole lines of a file; none where it is of another run of the machine.
fn read(mut file: &File, path: &Path) -> Result<Vec<Line>, Error> {
    let mut text = String::new();
    file.rewind()?;
    file.read_to_string(&mut text)?;
    let whole = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
    let mut lines = whole.lines();
    if lines.next().is_some_and(|head| head != HEAD) {
        let message = format!("{}: not a state file of this version", path.display());
        return Err(Error::new(ErrorKind::InvalidData, message));
    }
    let same_run = lines.next().and_then(|l| l.strip_prefix("boot ")) == Some(boot().as_str());
    Ok(lines.filter(|_| same_run).filter_map(Line::parse).collect())
}

fn set_right(path: &Path, lines: &[Line]) -> Result<Mended, Error> {
    let mut mended = Mended::default();
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
    if mended.failed.is_empty() {
        std::fs::remove_file(path)?;
    }
    Ok(mended)
}

/// Whether nobody commands the watchdog any more.
fn forsaken(lines: &[Line]) -> bool {
    let lives = |known: &Known| {
        stat(known.pid).is_some_and(|s| s.start == known.start && !matches!(s.state, b'Z' | b'X'))
    };
    lines.iter().any(|line| matches!(line, Line::Caller(known) if !lives(known)))
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
            Line::Caller(Known { pid: 3, start: 4 }),
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
    fn one_that_nobody_commands_is_waited_for() {
        let folder = folder();
        let path = folder.join("forsaken");
        let own = std::process::id();
        let start = stat(own).expect("it runs").start;
        for (start, waits) in [(start, false), (start + 1, true)] {
            let mut record = Record::create(&path).expect("it can be made");
            let undo = Undo::Run(vec![b"true".to_vec()]);
            let lines = [Line::Caller(Known { pid: own, start }), Line::Undo(undo)];
            record.add(lines.into_iter()).expect("written");
            let killed = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(200));
                drop(record);
            });
            let mended = mend(&path).expect("it can be read");
            assert_eq!(mended.map(|m| m.undone), waits.then_some(1));
            killed.join().expect("it ends");
            let _ = std::fs::remove_file(&path);
        }
        std::fs::remove_dir(folder).expect("it is empty");
    }

    #[test]
    fn what_its_watchdog_sets_right_meanwhile_is_not_undone_twice() {
        let folder = folder();
        let path = folder.join("done");
        let mut record = Record::create(&path).expect("it can be made");
        let undo = Undo::Run(vec![b"true".to_vec()]);
        let lines = [Line::Caller(Known { pid: u32::MAX, start: 0 }), Line::Undo(undo)];
        record.add(lines.into_iter()).expect("written");
        let watchdog = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(200));
            record.remove();
        });
        assert_eq!(mend(&path).expect("it can be read"), Some(Mended::default()));
        watchdog.join().expect("it ends");
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
