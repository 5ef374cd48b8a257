//! File contents to a descriptor: `cat`, and `dump` as a tar stream (POSIX pax).

use crate::error::{Error, Result};
use crate::pack::Id;
use crate::page::{self, Content, Entry, EXT_EXTENTS};
use crate::posix;
use crate::reader::{Reader, DATA};
use crate::restore::extents;
use crate::tar::Member;
use crate::union::{Joined, Union};
use std::os::fd::RawFd;

/// Writes all of it; a reader that went away is an ordinary end.
fn write(fd: RawFd, mut data: &[u8]) -> Result<()> {
    while !data.is_empty() {
        // SAFETY: `data` has the length given.
        let n = unsafe { libc::write(fd, data.as_ptr().cast(), data.len()) };
        if n >= 0 {
            data = &data[n as usize..];
            continue;
        }
        match posix::errno() {
            libc::EINTR => {}
            libc::EAGAIN => {
                let mut wait = libc::pollfd { fd, events: libc::POLLOUT, revents: 0 };
                // SAFETY: `wait` is one entry, as the call is told.
                unsafe { libc::poll(&mut wait, 1, 1000) };
            }
            libc::EPIPE => return Err(Error::Cancelled),
            _ => return Err(Error::source("write", b"standard output")),
        }
    }
    Ok(())
}

/// A file's chunks, and where in the file their bytes lie.
struct Data {
    ids: Vec<Id>,
    runs: Vec<(u64, u64)>,
}

impl Data {
    fn of(reader: &Reader, entry: &Entry) -> Result<Data> {
        let ids = reader.chunk_ids(&entry.content)?;
        let mut sum = 0;
        for id in &ids {
            sum += u64::from(reader.place(id)?.length);
        }
        Ok(Data { ids, runs: extents(entry, sum)? })
    }

    /// Calls `act(offset in the file, bytes)` for all data in order.
    fn each(&self, reader: &Reader, act: &mut dyn FnMut(u64, &[u8]) -> Result<()>) -> Result<()> {
        let mut runs = self.runs.iter();
        let (mut at, mut left) = (0, 0);
        for id in &self.ids {
            let chunk = reader.chunk(DATA, id)?;
            let mut rest = &chunk[..];
            while !rest.is_empty() {
                while left == 0 {
                    (at, left) = *runs.next().expect("the lengths add up");
                }
                let (part, after) = rest.split_at(rest.len().min(left as usize));
                act(at, part)?;
                (at, left, rest) = (at + part.len() as u64, left - part.len() as u64, after);
            }
        }
        Ok(())
    }

    /// The map before a sparse member's data: decimal lines, padded to whole blocks. A last run of
    /// no bytes at the file's end gives it its size where it ends in a hole.
    fn map(&self, size: u64) -> Vec<u8> {
        let ends = self.runs.last().map_or(0, |(at, length)| at + length) == size;
        let last = (!ends).then_some((size, 0));
        let runs: Vec<_> = self.runs.iter().copied().chain(last).collect();
        let mut out = format!("{}\n", runs.len()).into_bytes();
        for (at, length) in runs {
            out.extend_from_slice(format!("{at}\n{length}\n").as_bytes());
        }
        out.resize(out.len().next_multiple_of(512), 0);
        out
    }
}

/// Writes a file's bytes, holes as zeros.
pub fn cat(reader: &Reader, entry: &Entry, fd: RawFd) -> Result<()> {
    if let Content::Refused(why) = &entry.content {
        return Err(Error::Newer(why.clone()));
    }
    if entry.kind != page::FILE {
        let name = String::from_utf8_lossy(&entry.name);
        return Err(Error::Invalid(format!("{name} is not a file: it has no bytes to write")));
    }
    let mut at = 0;
    Data::of(reader, entry)?.each(reader, &mut |offset, part| {
        zeros(fd, offset - at)?;
        at = offset + part.len() as u64;
        write(fd, part)
    })?;
    zeros(fd, entry.size - at)
}

fn zeros(fd: RawFd, mut n: u64) -> Result<()> {
    let block = [0u8; 64 << 10];
    while n > 0 {
        let part = n.min(block.len() as u64);
        write(fd, &block[..part as usize])?;
        n -= part;
    }
    Ok(())
}

/// Writes a folder and all below it as a tar stream whose names begin at `base`.
pub fn dump(reader: &Reader, pages: &[Id], fd: RawFd) -> Result<()> {
    let mut links = std::collections::HashMap::new();
    let mut stack = vec![(Vec::new(), Union::new(pages).all(reader)?.into_iter())];
    while let Some((path, entries)) = stack.last_mut() {
        let Some(Joined { entry, below }) = entries.next() else {
            stack.pop();
            continue;
        };
        let full = if path.is_empty() {
            entry.name.clone()
        } else {
            [&path[..], b"/", &entry.name].concat()
        };
        let first = entry.link.and_then(|g| links.get(&g).cloned());
        if let (None, Some(group)) = (&first, entry.link) {
            links.insert(group, full.clone());
        }
        member(reader, &full, &entry, first, fd)?;
        if !below.is_empty() {
            stack.push((full, Union::new(&below).all(reader)?.into_iter()));
        }
    }
    zeros(fd, 1024)
}

fn member(
    reader: &Reader,
    path: &[u8],
    e: &Entry,
    first: Option<Vec<u8>>,
    fd: RawFd,
) -> Result<()> {
    if let Content::Refused(why) = &e.content {
        return Err(Error::Newer(why.clone()));
    }
    let (flag, link) = match (&first, &e.content) {
        (Some(first), _) => (b'1', first.clone()),
        (_, Content::Target(text)) => (b'2', text.clone()),
        _ => ([b'0', b'5', b'2', b'3', b'4', b'6', b'6'][e.kind as usize], vec![]),
    };
    if e.kind == page::SOCKET {
        return Ok(());
    }
    let data = if flag == b'0' { Some(Data::of(reader, e)?) } else { None };
    let map = data.as_ref().filter(|_| e.ext(EXT_EXTENTS).is_some()).map(|d| d.map(e.size));
    let stored = data.as_ref().map_or(0, |d| d.runs.iter().map(|r| r.1).sum());
    let size = stored + map.as_ref().map_or(0, |m| m.len() as u64);
    let real = map.as_ref().map(|_| e.size);
    write(fd, &Member { path, flag, link: &link, size, real }.bytes(e))?;
    if let Some(map) = &map {
        write(fd, map)?;
    }
    if let Some(data) = data {
        data.each(reader, &mut |_, part| write(fd, part))?;
    }
    zeros(fd, size.next_multiple_of(512) - size)
}
