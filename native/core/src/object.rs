//! The header that every stored object begins with, and the sealing of records.
//!
//! A record is one sealed plaintext, padded by Padme. Packs share the header only (`pack.rs`).

use crate::crypto::{random, same, Key, ObjectKey, TAG};
use crate::error::{Error, Result};

pub const MAGIC: &[u8; 7] = b"holdall";
pub const VERSION: u8 = 1;
pub const SUITE: u8 = 1;
/// Bytes of the fixed header, before an encapsulation that version 1 leaves empty.
pub const HEADER: usize = 80;
/// A record larger than this is refused before anything is allocated.
pub const RECORD_LIMIT: usize = 256 << 20;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Type {
    Slot = 1,
    Config = 2,
    Domain = 3,
    Epoch = 4,
    Role = 5,
    Pack = 6,
    Index = 7,
    Snapshot = 8,
    Section = 9,
    Claim = 10,
    End = 11,
    Intent = 12,
    Withdrawn = 13,
    Fence = 14,
    Condemned = 15,
    Tombstone = 16,
    Checkpoint = 17,
    Parity = 18,
    Dictionary = 19,
}

pub const TYPES: [(Type, &str); 19] = [
    (Type::Slot, "slot"),
    (Type::Config, "config"),
    (Type::Domain, "domain"),
    (Type::Epoch, "epoch"),
    (Type::Role, "role"),
    (Type::Pack, "pack"),
    (Type::Index, "index"),
    (Type::Snapshot, "snapshot"),
    (Type::Section, "section"),
    (Type::Claim, "claim"),
    (Type::End, "end"),
    (Type::Intent, "intent"),
    (Type::Withdrawn, "withdrawn"),
    (Type::Fence, "fence"),
    (Type::Condemned, "condemned"),
    (Type::Tombstone, "tombstone"),
    (Type::Checkpoint, "checkpoint"),
    (Type::Parity, "parity"),
    (Type::Dictionary, "dictionary"),
];

impl Type {
    pub fn name(self) -> &'static str {
        TYPES[self as usize - 1].1
    }

    pub fn from_name(name: &str) -> Result<Type> {
        let found = TYPES.iter().find(|(_, n)| *n == name).map(|(t, _)| *t);
        found.ok_or_else(|| Error::Invalid(format!("no object type {name}")))
    }
}

#[derive(Clone)]
pub struct Header {
    pub bytes: [u8; HEADER],
}

impl Header {
    pub fn new(kind: Type, salt: &[u8; 32], commitment: &[u8; 32]) -> Header {
        let mut bytes = [0u8; HEADER];
        bytes[..7].copy_from_slice(MAGIC);
        bytes[7] = VERSION;
        bytes[8] = kind as u8;
        bytes[9] = SUITE;
        bytes[16..48].copy_from_slice(salt);
        bytes[48..80].copy_from_slice(commitment);
        Header { bytes }
    }

    /// Refuses everything this version does not know, before any key is tried.
    pub fn parse(data: &[u8], kind: Type) -> Result<Header> {
        let name = kind.name();
        if data.len() < HEADER || &data[..7] != MAGIC {
            return Err(Error::Damaged(format!("not a {name}: no holdall header")));
        }
        if data[7] != VERSION {
            return Err(Error::Newer(format!(
                "{name} has format version {}; this holdall reads 1",
                data[7]
            )));
        }
        if data[8] != kind as u8 {
            return Err(Error::Damaged(format!(
                "object of type {} where a {name} should be",
                data[8]
            )));
        }
        if data[9] != SUITE || data[10..16] != [0; 6] {
            return Err(Error::Newer(format!(
                "{name} uses a suite or flag this holdall does not know"
            )));
        }
        Ok(Header { bytes: data[..HEADER].try_into().expect("80 bytes") })
    }

    pub fn salt(&self) -> &[u8; 32] {
        self.bytes[16..48].try_into().expect("32 bytes")
    }

    pub fn commitment(&self) -> &[u8; 32] {
        self.bytes[48..80].try_into().expect("32 bytes")
    }
}

/// `type key = derive(type, source key)`, `object key = derive(type key, lineage, salt)`.
pub fn object_key(kind: Type, source: &Key, lineage: &[u8; 16], salt: &[u8; 32]) -> ObjectKey {
    let type_key = crate::crypto::derive(&format!("holdall v1 type {}", kind.name()), &[source]);
    ObjectKey::derive("holdall v1 object", &[&type_key, lineage, salt])
}

/// Length after Padme padding: at most 12 % more, and only O(log log n) bits of it are told.
pub fn padme(length: usize) -> usize {
    if length < 256 {
        return 256;
    }
    let exponent = usize::BITS - 1 - length.leading_zeros();
    let kept = u32::BITS - exponent.leading_zeros();
    let mask = (1usize << (exponent - kept)) - 1;
    (length + mask) & !mask
}

/// Seals a record: header, ciphertext of `u32 length | content | zeros`, tag.
/// `binding` is the replica id (the lineage id for keys and config); `upload` is part of the name.
pub fn seal(
    kind: Type,
    source: &Key,
    lineage: &[u8; 16],
    binding: &[u8; 16],
    upload: &[u8; 16],
    content: &[u8],
) -> Vec<u8> {
    let salt = random::<32>();
    let key = object_key(kind, source, lineage, &salt);
    let header = Header::new(kind, &salt, &key.commitment).bytes;
    close(&key, &header, &[&header[..], binding, upload].concat(), content)
}

/// `clear || seal(u32 length || content || zeros)`, the whole as long as Padme says.
pub fn close(key: &ObjectKey, clear: &[u8], aad: &[u8], content: &[u8]) -> Vec<u8> {
    let stored = padme(clear.len() + 4 + content.len() + TAG);
    let mut out = Vec::with_capacity(stored);
    out.extend_from_slice(clear);
    out.extend_from_slice(&(content.len() as u32).to_le_bytes());
    out.extend_from_slice(content);
    out.resize(stored - TAG, 0);
    let tag = key.seal(0, aad, &mut out[clear.len()..]);
    out.extend_from_slice(&tag);
    out
}

/// Undoes `close` on a stored object whose first `clear` bytes are not sealed.
pub fn unclose(
    kind: Type,
    key: &ObjectKey,
    aad: &[u8],
    clear: usize,
    data: &[u8],
) -> Result<Vec<u8>> {
    let mut sealed = data[clear..].to_vec();
    let plain = key.open(0, aad, &mut sealed)?;
    let length = u32::from_le_bytes(plain[..4].try_into().expect("4 bytes")) as usize;
    if length > plain.len() - 4 || plain[4 + length..].iter().any(|b| *b != 0) {
        return Err(Error::Damaged(format!("{} with a wrong inner length", kind.name())));
    }
    if data.len() != padme(clear + 4 + length + TAG) {
        return Err(Error::Damaged(format!("{} is not padded as it must be", kind.name())));
    }
    Ok(plain[4..4 + length].to_vec())
}

/// Opens a record under one source key. `None`: the commitment is of another key.
pub fn open(
    kind: Type,
    source: &Key,
    lineage: &[u8; 16],
    binding: &[u8; 16],
    upload: &[u8; 16],
    data: &[u8],
) -> Result<Option<Vec<u8>>> {
    let header = Header::parse(data, kind)?;
    if data.len() < HEADER + 4 + TAG || data.len() > RECORD_LIMIT {
        return Err(Error::Damaged(format!("{} of impossible length {}", kind.name(), data.len())));
    }
    let key = object_key(kind, source, lineage, header.salt());
    if !same(&key.commitment, header.commitment()) {
        return Ok(None);
    }
    let aad = [&header.bytes[..], binding, upload].concat();
    unclose(kind, &key, &aad, HEADER, data).map(Some)
}

/// `hex(BLAKE3(stored bytes))-hex(upload id)`: scrubbable without a key, never used twice.
pub fn object_name(stored: &[u8], upload: &[u8; 16]) -> String {
    format!("{}-{}", blake3::hash(stored).to_hex(), hex(upload))
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_small_and_keeps_lengths_apart_only_roughly() {
        for n in [1, 255, 256, 1000, 65_537, 1 << 20, (1 << 24) + 1] {
            let padded = padme(n);
            assert!(
                padded >= n && padded <= n.max(229) + n.max(229) / 8 + 1,
                "{n} became {padded}"
            );
            assert_eq!(padme(padded), padded);
        }
    }

    #[test]
    fn a_record_opens_only_whole_and_under_its_own_name() {
        let (key, lineage, binding, upload) = ([1; 32], [2; 16], [3; 16], [4; 16]);
        let sealed = seal(Type::Snapshot, &key, &lineage, &binding, &upload, b"content");
        let opened = open(Type::Snapshot, &key, &lineage, &binding, &upload, &sealed);
        assert_eq!(opened.unwrap().unwrap(), b"content");
        assert!(open(Type::Snapshot, &[9; 32], &lineage, &binding, &upload, &sealed)
            .unwrap()
            .is_none());
        assert!(open(Type::Snapshot, &key, &lineage, &binding, &[5; 16], &sealed).is_err());
        assert!(open(Type::Snapshot, &key, &lineage, &[5; 16], &upload, &sealed).is_err());
        assert!(open(Type::Claim, &key, &lineage, &binding, &upload, &sealed).is_err());
        for bit in 0..sealed.len() * 8 {
            let mut bad = sealed.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let result = open(Type::Snapshot, &key, &lineage, &binding, &upload, &bad);
            assert!(!matches!(result, Ok(Some(_))), "bit {bit} flipped unseen");
        }
        for length in 0..sealed.len() {
            let result = open(Type::Snapshot, &key, &lineage, &binding, &upload, &sealed[..length]);
            assert!(!matches!(result, Ok(Some(_))), "truncation to {length} unseen");
        }
    }
}
