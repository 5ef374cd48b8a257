//! Headers of a tar stream as POSIX pax and GNU tar read it: whatever a field cannot hold goes into
//! a record of the extended header before it.

use crate::page::{Content, Entry};

const ACL_ACCESS: &[u8] = b"system.posix_acl_access";
const ACL_DEFAULT: &[u8] = b"system.posix_acl_default";

/// One member: what it is called, its type flag, its link's target, the bytes that follow, and the
/// records of a sparse file.
pub struct Member<'a> {
    pub path: &'a [u8],
    pub flag: u8,
    pub link: &'a [u8],
    pub size: u64,
    pub real: Option<u64>,
}

impl Member<'_> {
    /// Both headers and the records between them.
    pub fn bytes(&self, e: &Entry) -> Vec<u8> {
        let mut pax = Vec::new();
        if let Some(real) = self.real {
            for (key, value) in [("major", 1), ("minor", 0), ("realsize", real)] {
                record(&mut pax, format!("GNU.sparse.{key}").as_bytes(), &decimal(value));
            }
            record(&mut pax, b"GNU.sparse.name", self.path);
        }
        record(&mut pax, b"path", self.path);
        if !self.link.is_empty() {
            record(&mut pax, b"linkpath", self.link);
        }
        record(&mut pax, b"size", &decimal(self.size));
        record(&mut pax, b"uid", &decimal(u64::from(e.uid)));
        record(&mut pax, b"gid", &decimal(u64::from(e.gid)));
        record(&mut pax, b"mtime", moment(e.mtime).as_bytes());
        e.xattrs.iter().for_each(|(name, value)| attribute(&mut pax, name, value));
        let describes =
            Member { path: b"pax", flag: b'x', link: b"", size: pax.len() as u64, ..*self };
        let mut out = describes.header(&Entry { mode: 0o600, content: Content::None, ..e.clone() });
        out.extend_from_slice(&pax);
        out.resize(out.len().next_multiple_of(512), 0);
        out.extend(self.header(e));
        out
    }

    fn header(&self, e: &Entry) -> Vec<u8> {
        let mut block = vec![0u8; 512];
        let mut put = |at: usize, room: usize, value: &[u8]| {
            let n = value.len().min(room);
            block[at..at + n].copy_from_slice(&value[..n]);
        };
        put(0, 100, self.path);
        put(100, 8, &octal(u64::from(e.mode), 7));
        put(108, 8, &octal(u64::from(e.uid), 7));
        put(116, 8, &octal(u64::from(e.gid), 7));
        put(124, 12, &octal(self.size, 11));
        put(136, 12, &octal(e.mtime.0.max(0) as u64, 11));
        put(148, 8, b"        ");
        put(156, 1, &[self.flag]);
        put(157, 100, self.link);
        put(257, 8, b"ustar\x0000");
        if let Content::Device(major, minor) = e.content {
            put(329, 8, &octal(u64::from(major), 7));
            put(337, 8, &octal(u64::from(minor), 7));
        }
        let sum: u64 = block.iter().map(|b| u64::from(*b)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        block
    }
}

fn octal(value: u64, digits: usize) -> Vec<u8> {
    format!("{:0digits$o}", if value < 1 << (3 * digits) { value } else { 0 }).into_bytes()
}

fn decimal(value: u64) -> Vec<u8> {
    value.to_string().into_bytes()
}

/// Seconds with nine decimals; before 1970 the fraction counts backwards too.
fn moment((seconds, nanoseconds): (i64, u32)) -> String {
    match seconds < 0 && nanoseconds > 0 {
        true => format!("-{}.{:09}", -(seconds + 1), 1_000_000_000 - nanoseconds),
        false => format!("{seconds}.{nanoseconds:09}"),
    }
}

/// `length key=value\n`, where the length counts its own digits.
fn record(out: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let bare = key.len() + value.len() + 3;
    let mut length = bare + 1;
    while bare + length.to_string().len() != length {
        length = bare + length.to_string().len();
    }
    out.extend_from_slice(format!("{length} ").as_bytes());
    out.extend_from_slice(key);
    out.push(b'=');
    out.extend_from_slice(value);
    out.push(b'\n');
}

/// ACLs in the words that tar programs read, every other attribute as it is. A key ends at its
/// first `=`, so that GNU tar writes one in a name as `%3D`, and `%` as `%25`.
fn attribute(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    if let (ACL_ACCESS | ACL_DEFAULT, Some(text)) = (name, acl_text(value)) {
        let key: &[u8] =
            if name == ACL_ACCESS { b"SCHILY.acl.access" } else { b"SCHILY.acl.default" };
        return record(out, key, text.as_bytes());
    }
    let mut key = b"SCHILY.xattr.".to_vec();
    for byte in name {
        match byte {
            b'=' => key.extend_from_slice(b"%3D"),
            b'%' => key.extend_from_slice(b"%25"),
            other => key.push(*other),
        }
    }
    record(out, &key, value);
}

/// The kernel's binary ACL (version 2, then tag, permissions and id of each entry) as text.
fn acl_text(value: &[u8]) -> Option<String> {
    let rows = value.strip_prefix(&[2, 0, 0, 0]).filter(|rows| rows.len() % 8 == 0)?;
    let mut out = Vec::new();
    for row in rows.chunks_exact(8) {
        let id = u32::from_le_bytes(row[4..8].try_into().expect("4 bytes"));
        let who = match row[0] {
            1 => "user:".into(),
            2 => format!("user:{id}"),
            4 => "group:".into(),
            8 => format!("group:{id}"),
            16 => "mask:".into(),
            32 => "other:".into(),
            _ => return None,
        };
        let may = |bit, letter| if row[2] & bit == 0 { '-' } else { letter };
        out.push(format!("{who}:{}{}{}", may(4, 'r'), may(2, 'w'), may(1, 'x')));
    }
    Some(out.join("\n"))
}
