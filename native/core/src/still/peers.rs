//! Who this process cannot do without: the other ends of its pipes and sockets, and whoever shows
//! its terminal.

use super::procfs;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::mem::size_of;

/// Inodes of pipes and sockets that lead here, with a word for each.
#[derive(Default)]
pub struct Peers {
    /// Pipes that this process reads, and those that it writes: other writers do not matter.
    read: HashSet<u64>,
    written: HashSet<u64>,
    /// The other ends of TCP connections within this machine.
    sockets: HashSet<u64>,
    /// Processes at the other end of Unix sockets, by credentials.
    pub unix: HashSet<u32>,
    terminal: Option<u32>,
}

/// The number in `pipe:[123]` or `socket:[123]`.
pub fn inode(link: &[u8], kind: &str) -> Option<u64> {
    let text = std::str::from_utf8(link).ok()?;
    text.strip_prefix(kind)?.strip_prefix(":[")?.strip_suffix(']')?.parse().ok()
}

impl Peers {
    /// Looked for before any connection is made to those that are to be stopped.
    pub fn look() -> Peers {
        let mut peers = Peers::default();
        let mut own = HashSet::new();
        for fd in procfs::numbers("/proc/self/fd") {
            let Some(link) = super::mounts::link(&format!("/proc/self/fd/{fd}")) else { continue };
            if let Some(pipe) = inode(&link, "pipe") {
                let (reads, writes) = access("self", fd);
                peers.read.extend(reads.then_some(pipe));
                peers.written.extend(writes.then_some(pipe));
            }
            if let Some(socket) = inode(&link, "socket") {
                own.insert(socket);
                peers.unix.extend(credentials(fd as i32));
            }
        }
        for file in ["/proc/self/net/tcp", "/proc/self/net/tcp6"] {
            let text = fs::read_to_string(file).unwrap_or_default();
            peers.sockets.extend(other_ends(&text, &own));
        }
        let major = |number: u32| (number >> 8) & 0xfff;
        let stat = procfs::stat(std::process::id());
        // Terminals of programs have the majors 136 to 143; the number is that of the other side.
        peers.terminal = stat.map(|s| s.terminal).filter(|t| (136..144).contains(&major(*t)));
        peers.unix.remove(&std::process::id());
        peers
    }

    /// Why a descriptor of another process ties it to this one.
    pub fn tie(&self, pid: u32, fd: u32, link: &[u8]) -> Option<&'static str> {
        let held = |set: &HashSet<u64>, kind| inode(link, kind).is_some_and(|i| set.contains(&i));
        if held(&self.read, "pipe") || held(&self.written, "pipe") {
            let (reads, writes) = access(&pid.to_string(), fd);
            if writes && held(&self.read, "pipe") || reads && held(&self.written, "pipe") {
                return Some("is at the other end of a pipe of holdall");
            }
        }
        if held(&self.sockets, "socket") {
            return Some("is at the other end of a connection of holdall");
        }
        let terminal =
            self.terminal.filter(|_| link == b"/dev/ptmx" || link == b"/dev/pts/ptmx")?;
        let info = fs::read_to_string(format!("/proc/{pid}/fdinfo/{fd}")).ok()?;
        let shown: u32 = procfs::field(&info, "tty-index")?.parse().ok()?;
        let index = (terminal & 0xff) | ((terminal >> 12) & 0xfff00);
        (shown == index).then_some("shows the terminal of holdall")
    }
}

/// Whether a descriptor can be read, and whether it can be written.
fn access(process: &str, fd: u32) -> (bool, bool) {
    let info = fs::read_to_string(format!("/proc/{process}/fdinfo/{fd}")).unwrap_or_default();
    let flags = procfs::field(&info, "flags").and_then(|f| i32::from_str_radix(f, 8).ok());
    match flags.map(|f| f & libc::O_ACCMODE) {
        Some(libc::O_RDONLY) => (true, false),
        Some(libc::O_WRONLY) => (false, true),
        Some(libc::O_RDWR) => (true, true),
        _ => (false, false),
    }
}

/// The process at the other end of a Unix socket.
fn credentials(fd: i32) -> Option<u32> {
    let mut found = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut length = size_of::<libc::ucred>() as libc::socklen_t;
    let at = (&mut found as *mut libc::ucred).cast();
    // SAFETY: the structure is the one that the call fills, and the length is its own.
    let r = unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_PEERCRED, at, &mut length) };
    (r == 0 && found.pid > 0).then_some(found.pid as u32)
}

/// The process at the other end of a socket that a connection was just made to.
pub fn peer(path: &[u8]) -> Result<u32, String> {
    use std::os::fd::AsRawFd;
    use std::os::unix::ffi::OsStrExt;
    let at = std::ffi::OsStr::from_bytes(path);
    let socket = std::os::unix::net::UnixStream::connect(at).map_err(|e| e.to_string())?;
    credentials(socket.as_raw_fd()).ok_or_else(|| "its process lies outside".into())
}

/// Inodes of connections whose two addresses are those of one of `own`, exchanged.
fn other_ends(table: &str, own: &HashSet<u64>) -> Vec<u64> {
    let row = |line: &str| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let inode = fields.get(9)?.parse::<u64>().ok()?;
        Some(((fields[1].to_string(), fields[2].to_string()), inode))
    };
    let rows: HashMap<(String, String), u64> = table.lines().skip(1).filter_map(row).collect();
    let ours = rows.iter().filter(|(_, inode)| own.contains(inode));
    ours.filter_map(|((a, b), _)| rows.get(&(b.clone(), a.clone())).copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_end_has_the_addresses_exchanged() {
        let row = |a, b, inode| format!("0: {a} {b} 01 0:0 00:0 0 0 0 {inode} 1 0");
        let table = ["head".into(), row("A:1", "A:2", 10), row("A:2", "A:1", 11)];
        let other = row("A:3", "B:1", 12);
        let table = [table.join("\n"), other].join("\n");
        assert_eq!(other_ends(&table, &HashSet::from([10, 12])), vec![11]);
    }

    #[test]
    fn numbers_of_links_are_read() {
        assert_eq!(inode(b"pipe:[12]", "pipe"), Some(12));
        assert_eq!(inode(b"socket:[12]", "pipe"), None);
    }
}
