//! cgroups of the second version: the freezer, and a group of one's own to live in.

use std::fs;
use std::path::{Path, PathBuf};

/// Where the second version is mounted.
pub fn mount() -> Option<PathBuf> {
    let text = fs::read_to_string("/proc/self/mountinfo").ok()?;
    text.lines().find_map(|line| {
        let (left, right) = line.split_once(" - ")?;
        right.starts_with("cgroup2 ").then(|| PathBuf::from(left.split(' ').nth(4).unwrap_or("")))
    })
}

/// The group of a process, as a path below the mount that begins with a slash.
pub fn of(pid: u32) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    text.lines().find_map(|line| line.strip_prefix("0::")).map(str::to_string)
}

pub fn set(folder: &Path, frozen: bool) -> Result<(), String> {
    let file = folder.join("cgroup.freeze");
    let value = if frozen { "1" } else { "0" };
    fs::write(&file, value).map_err(|e| format!("{}: {e}", file.display()))
}

pub fn frozen(folder: &Path) -> bool {
    let text = fs::read_to_string(folder.join("cgroup.events")).unwrap_or_default();
    text.lines().any(|line| line == "frozen 1")
}

/// Every process of a group and of those below it.
pub fn members(folder: &Path) -> Vec<u32> {
    let text = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    let mut found: Vec<u32> = text.lines().filter_map(|l| l.parse().ok()).collect();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            found.extend(members(&entry.path()));
        }
    }
    found
}

/// Moves this process into a new group as near to the root as it is allowed to make one, so that
/// whatever ends or freezes the group it came from does not reach it. `None` where it may not.
pub fn leave() -> Option<PathBuf> {
    let mount = mount()?;
    let own = of(std::process::id())?;
    let mut above = PathBuf::new();
    let steps = std::iter::once("").chain(own.split('/').filter(|s| !s.is_empty()));
    for step in steps {
        above.push(step);
        let folder = mount.join(&above).join(format!("holdall-watchdog-{}", std::process::id()));
        if fs::create_dir(&folder).is_ok() {
            if fs::write(folder.join("cgroup.procs"), "0").is_ok() {
                return Some(folder);
            }
            let _ = fs::remove_dir(&folder);
        }
    }
    None
}

/// Goes back to the root's group, or the parent's, and takes the own one away.
pub fn come_back(folder: &Path) {
    let Some(parent) = folder.parent() else { return };
    if fs::write(parent.join("cgroup.procs"), "0").is_ok() {
        let _ = fs::remove_dir(folder);
    }
}
