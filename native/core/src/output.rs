//! File contents to a descriptor: `cat`, and `dump` as a tar stream (POSIX pax).

use crate::error::{Error, Result};
use crate::pack::Id;
use crate::page::{self, Content, Entry};
use crate::posix;
use crate::reader::{Reader, DATA};
use crate::restore::extents;
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

/// Writes a file's bytes, holes as zeros.
pub fn cat(reader: &Reader, entry: &Entry, fd: RawFd) -> Result<()> {
    if let Content::Refused(why) = &entry.content {
        return Err(Error::Newer(why.clone()));
    }
    let ids = reader.chunk_ids(&entry.content)?;
    let lengths = ids
        .iter()
        .map(|id| Ok(u64::from(reader.place(id)?.length)))
        .collect::<Result<Vec<u64>>>()?;
    let list = extents(entry, lengths.iter().sum())?;
    let mut runs = list.into_iter();
    let (mut at, mut left) = (0u64, 0u64);
    for id in &ids {
        let chunk = reader.chunk(DATA, id)?;
        let mut rest = &chunk[..];
        while !rest.is_empty() {
            if left == 0 {
                let (start, length) = runs.next().expect("the lengths add up");
                zeros(fd, start - at)?;
                (at, left) = (start, length);
            }
            let n = rest.len().min(left as usize);
            write(fd, &rest[..n])?;
            (at, left, rest) = (at + n as u64, left - n as u64, &rest[n..]);
        }
    }
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
pub fn dump(reader: &Reader, page: &Id, fd: RawFd) -> Result<()> {
    let mut links = std::collections::HashMap::new();
    let mut stack = vec![(Vec::new(), reader.entries(page)?.into_iter())];
    while let Some((path, entries)) = stack.last_mut() {
        let Some(entry) = entries.next() else {
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
        if let Content::Dir(id, _) = &entry.content {
            stack.push((full, reader.entries(id)?.into_iter()));
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
    if e.kind == page::SOCKET {
        return Ok(());
    }
    if let Content::Refused(why) = &e.content {
        return Err(Error::Newer(why.clone()));
    }
    let (flag, link) = match (&first, &e.content) {
        (Some(first), _) => (b'1', first.clone()),
        (_, Content::Target(text)) => (b'2', text.clone()),
        _ => ([b'0', b'5', b'2', b'3', b'4', b'6', b'6'][e.kind as usize], vec![]),
    };
    let size = if flag == b'0' { e.size } else { 0 };
    let mut pax = Vec::new();
    record(&mut pax, "path", path);
    if !link.is_empty() {
        record(&mut pax, "linkpath", &link);
    }
    record(&mut pax, "size", size.to_string().as_bytes());
    record(&mut pax, "uid", e.uid.to_string().as_bytes());
    record(&mut pax, "gid", e.gid.to_string().as_bytes());
    record(&mut pax, "mtime", decimal(e.mtime).as_bytes());
    for (name, value) in &e.xattrs {
        record(&mut pax, &format!("SCHILY.xattr.{}", String::from_utf8_lossy(name)), value);
    }
    header(fd, b"pax", b'x', pax.len() as u64, &Entry { mode: 0o600, ..e.clone() }, b"")?;
    write(fd, &pax)?;
    zeros(fd, pad(pax.len() as u64))?;
    header(fd, path, flag, size, e, &link)?;
    if flag == b'0' {
        cat(reader, e, fd)?;
        zeros(fd, pad(size))?;
    }
    Ok(())
}

fn decimal((seconds, nanoseconds): (i64, u32)) -> String {
    match seconds < 0 && nanoseconds > 0 {
        true => format!("-{}.{:09}", -(seconds + 1), 1_000_000_000 - nanoseconds),
        false => format!("{seconds}.{nanoseconds:09}"),
    }
}

fn pad(n: u64) -> u64 {
    n.next_multiple_of(512) - n
}

/// `length key=value\n`, where the length counts its own digits.
fn record(out: &mut Vec<u8>, key: &str, value: &[u8]) {
    let bare = key.len() + value.len() + 3;
    let mut length = bare + 1;
    while bare + length.to_string().len() != length {
        length = bare + length.to_string().len();
    }
    out.extend_from_slice(format!("{length} {key}=").as_bytes());
    out.extend_from_slice(value);
    out.push(b'\n');
}

fn header(fd: RawFd, path: &[u8], flag: u8, size: u64, e: &Entry, link: &[u8]) -> Result<()> {
    let mut block = [0u8; 512];
    let mut put = |at: usize, room: usize, value: &[u8]| {
        let n = value.len().min(room);
        block[at..at + n].copy_from_slice(&value[..n]);
    };
    let octal = |v: u64, digits: usize| {
        format!("{:0digits$o}", if v < 1 << (3 * digits) { v } else { 0 }).into_bytes()
    };
    put(0, 100, path);
    put(100, 8, &octal(u64::from(e.mode), 7));
    put(108, 8, &octal(u64::from(e.uid), 7));
    put(116, 8, &octal(u64::from(e.gid), 7));
    put(124, 12, &octal(size, 11));
    put(136, 12, &octal(e.mtime.0.max(0) as u64, 11));
    put(148, 8, b"        ");
    put(156, 1, &[flag]);
    put(157, 100, link);
    put(257, 8, b"ustar\x0000");
    if let Content::Device(major, minor) = e.content {
        put(329, 8, &octal(u64::from(major), 7));
        put(337, 8, &octal(u64::from(minor), 7));
    }
    let sum: u64 = block.iter().map(|b| u64::from(*b)).sum();
    let text = format!("{sum:06o}\0 ");
    block[148..156].copy_from_slice(text.as_bytes());
    write(fd, &block)
}
