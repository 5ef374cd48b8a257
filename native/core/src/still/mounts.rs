//! Which file a path names, whatever mount namespace it is a path of: file system and path in it.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

/// A file system's number, and a path in it that begins with a slash.
pub type Place = (String, Vec<u8>);

struct Mount {
    at: Vec<u8>,
    device: String,
    root: Vec<u8>,
}

/// One mount namespace's mounts, later ones over earlier ones.
pub struct Mounts(Vec<Mount>);

impl Mounts {
    pub fn of(process: &str) -> Mounts {
        let text = fs::read(format!("/proc/{process}/mountinfo")).unwrap_or_default();
        Mounts::parse(&text)
    }

    fn parse(text: &[u8]) -> Mounts {
        let row = |line: &[u8]| {
            let mut fields = line.split(|b| *b == b' ').skip(2);
            let device = String::from_utf8_lossy(fields.next()?).into_owned();
            let (root, at) = (plain(fields.next()?), plain(fields.next()?));
            Some(Mount { at, device, root })
        };
        Mounts(text.split(|b| *b == b'\n').filter_map(row).collect())
    }

    pub fn place(&self, path: &[u8]) -> Option<Place> {
        let holds = |m: &&Mount| below(path, &m.at).is_some();
        let mount = self.0.iter().rev().filter(holds).max_by_key(|m| m.at.len())?;
        let rest = below(path, &mount.at)?;
        Some((mount.device.clone(), [trim(&mount.root), rest].concat()))
    }
}

fn trim(path: &[u8]) -> &[u8] {
    path.strip_suffix(b"/").unwrap_or(path)
}

/// What of `path` lies below `folder`: empty, or beginning with a slash.
pub fn below<'a>(path: &'a [u8], folder: &[u8]) -> Option<&'a [u8]> {
    let rest = path.strip_prefix(trim(folder))?;
    (rest.is_empty() || rest[0] == b'/').then_some(rest)
}

/// Letters that would break the line are octal.
fn plain(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..3).filter(|d| *first == b'\\' && d.is_ascii());
        let value = digits.and_then(|d| u8::from_str_radix(std::str::from_utf8(d).ok()?, 8).ok());
        out.push(value.unwrap_or(*first));
        rest = if value.is_some() { &after[3..] } else { after };
    }
    out
}

/// Claimed paths, found again in any namespace.
pub struct Claims {
    roots: Vec<Vec<u8>>,
    places: Vec<Option<Place>>,
    own: Vec<u8>,
    others: HashMap<Vec<u8>, Mounts>,
}

fn namespace(process: &str) -> Vec<u8> {
    let link = fs::read_link(format!("/proc/{process}/ns/mnt"));
    link.map(|l| l.as_os_str().as_bytes().to_vec()).unwrap_or_default()
}

impl Claims {
    pub fn new(roots: Vec<Vec<u8>>) -> Claims {
        let mounts = Mounts::of("self");
        let places = roots.iter().map(|root| mounts.place(root)).collect();
        Claims { roots, places, own: namespace("self"), others: HashMap::new() }
    }

    /// The path in our own namespace of what a process calls `path`, if it is claimed.
    pub fn find(&mut self, pid: u32, path: &[u8]) -> Option<Vec<u8>> {
        let at = namespace(&pid.to_string());
        if at == self.own || at.is_empty() {
            return self.roots.iter().any(|r| below(path, r).is_some()).then(|| path.to_vec());
        }
        let mounts = self.others.entry(at).or_insert_with(|| Mounts::of(&pid.to_string()));
        let (device, inside) = mounts.place(path)?;
        let mut pairs = self.roots.iter().zip(&self.places);
        pairs.find_map(|(root, place)| {
            let (own, claimed) = place.as_ref()?;
            let rest = below(&inside, claimed).filter(|_| *own == device)?;
            Some([trim(root), rest].concat())
        })
    }
}

/// Where a link below `/proc` leads.
pub fn link(path: &str) -> Option<Vec<u8>> {
    fs::read_link(OsStr::new(path)).ok().map(|l| l.as_os_str().as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"1 0 8:1 / / rw - ext4 a rw\n\
        2 1 8:2 /sub/x /data\\040y rw - btrfs b rw\n\
        3 1 8:3 / /data rw - xfs c rw\n";

    #[test]
    fn the_deepest_mount_counts_and_a_part_of_a_name_does_not() {
        let mounts = Mounts::parse(TEXT);
        let place = |path: &[u8]| mounts.place(path).expect("the root holds everything");
        assert_eq!(place(b"/data y/a"), ("8:2".into(), b"/sub/x/a".to_vec()));
        assert_eq!(place(b"/data y"), ("8:2".into(), b"/sub/x".to_vec()));
        assert_eq!(place(b"/data/a"), ("8:3".into(), b"/a".to_vec()));
        assert_eq!(place(b"/database"), ("8:1".into(), b"/database".to_vec()));
    }
}
