//! The names of one folder, sorted: bytes in one arena and sixteen bytes a name beside it, so that
//! a folder with a million entries costs tens of megabytes and not hundreds.

use crate::error::Result;
use crate::posix::check;
use std::os::fd::RawFd;

/// Bytes of names asked for at once.
const LISTING: usize = 64 << 10;

struct Row {
    at: u32,
    length: u16,
    inode: u64,
}

#[derive(Default)]
pub struct Names {
    arena: Vec<u8>,
    rows: Vec<Row>,
}

impl Names {
    /// All names but `.` and `..`.
    pub fn read(dir: RawFd, buffer: &mut Vec<u8>) -> Result<Names> {
        let mut names = Names::default();
        if buffer.len() < LISTING {
            buffer.resize(LISTING, 0);
        }
        // SAFETY: a plain system call on a descriptor.
        unsafe { libc::lseek(dir, 0, libc::SEEK_SET) };
        loop {
            let (p, n) = (buffer.as_mut_ptr(), LISTING);
            // SAFETY: the kernel writes at most the buffer's length.
            let n = unsafe { libc::syscall(libc::SYS_getdents64, dir, p, n) };
            let n = check(n, "list", b".")? as usize;
            if n == 0 {
                break;
            }
            let mut at = 0;
            while at < n {
                let inode = u64::from_le_bytes(buffer[at..at + 8].try_into().expect("8 bytes"));
                let size = u16::from_le_bytes([buffer[at + 16], buffer[at + 17]]) as usize;
                let text = &buffer[at + 19..at + size];
                let end = text.iter().position(|b| *b == 0).unwrap_or(text.len());
                if &text[..end] != b"." && &text[..end] != b".." {
                    names.push(&text[..end], inode);
                }
                at += size;
            }
        }
        names.sort();
        Ok(names)
    }

    /// Chosen names, whose inodes are not known.
    pub fn chosen<'a>(list: impl Iterator<Item = &'a [u8]>) -> Names {
        let mut names = Names::default();
        list.for_each(|name| names.push(name, 0));
        names.sort();
        names
    }

    fn push(&mut self, name: &[u8], inode: u64) {
        self.rows.push(Row { at: self.arena.len() as u32, length: name.len() as u16, inode });
        self.arena.extend_from_slice(name);
    }

    fn sort(&mut self) {
        let arena = &self.arena;
        let name = |r: &Row| &arena[r.at as usize..][..usize::from(r.length)];
        self.rows.sort_unstable_by(|a, b| name(a).cmp(name(b)));
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|i| self.get(i))
    }

    pub fn get(&self, index: usize) -> &[u8] {
        let row = &self.rows[index];
        &self.arena[row.at as usize..][..usize::from(row.length)]
    }

    pub fn inode(&self, index: usize) -> u64 {
        self.rows[index].inode
    }

    pub fn contains(&self, name: &[u8]) -> bool {
        let found = self.rows.binary_search_by(|r| {
            let own = &self.arena[r.at as usize..][..usize::from(r.length)];
            own.cmp(name)
        });
        found.is_ok()
    }

    /// Leaves one name only, if it is there.
    pub fn only(&mut self, name: &[u8]) {
        *self = match self.contains(name) {
            true => Names::chosen(std::iter::once(name)),
            false => Names::default(),
        };
    }
}
