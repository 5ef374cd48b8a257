//! The committed vectors as values, and a ring filled from the good ones.

use holdall_core::error::{Error, Result};
use holdall_core::fetch::Fetch;
use holdall_core::index::{expand, Present, Table};
use holdall_core::keyring::{Keyring, Secret};
use holdall_core::map::Bytes;
use holdall_core::object::Type;
use holdall_core::verify;
use serde_json::Value;

pub fn vectors(name: &str) -> Value {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../test/oracle/vectors");
    let text = std::fs::read_to_string(format!("{folder}/{name}.json")).expect("vectors");
    serde_json::from_str(&text).expect("JSON")
}

pub fn cases(name: &str) -> Vec<Value> {
    vectors(name).as_array().expect("a list").clone()
}

pub fn text<'a>(case: &'a Value, key: &str) -> &'a str {
    case[key].as_str().unwrap_or_else(|| panic!("no {key} in {case}"))
}

pub fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|i| u8::from_str_radix(&text[i * 2..i * 2 + 2], 16).expect("hexadecimal"))
        .collect()
}

pub fn fixed<const N: usize>(text: &str) -> [u8; N] {
    unhex(text).try_into().expect("the length")
}

/// The upload id that the case's name carries.
pub fn upload(case: &Value) -> [u8; 16] {
    fixed(text(case, "object").split_once('-').expect("a name").1)
}

pub fn ring(records: &[Value]) -> Keyring {
    let good =
        |prefix: &'static str| records.iter().filter(move |r| text(r, "name").starts_with(prefix));
    let slot = good("good-slot").next().expect("a slot");
    let opened = Keyring::open_slot(&unhex(text(slot, "hex")), Secret::KeyFile, &[1; 32]);
    let mut ring = opened.expect("opens").expect("with its secret");
    ring.replica = [4; 16];
    for key in ["good-domain", "good-epoch", "good-role"].into_iter().flat_map(good) {
        ring.load(&unhex(text(key, "hex")), &upload(key)).expect("a good key");
    }
    ring
}

/// Opens bytes in a case's place as far as the core does: TypeScript reads the rest.
pub fn open(ring: &Keyring, case: &Value, data: &[u8]) -> Result<()> {
    match text(case, "type") {
        "slot" => {
            let name = text(case, "name");
            let by_phrase = name.contains("passphrase") || name.starts_with("kdf-");
            let (kind, secret) = match by_phrase {
                true => (Secret::Passphrase, &b"correct horse"[..]),
                false => (Secret::KeyFile, &[1u8; 32][..]),
            };
            let closed = || Error::Damaged("the secret does not open it".into());
            Keyring::open_slot(data, kind, secret)?.map(|_| ()).ok_or_else(closed)
        }
        "domain" | "epoch" | "role" => ring.clone().load(data, &upload(case)),
        "index" => {
            let run = expand(&ring.open(Type::Index, &upload(case), data)?)?;
            Table::default().add(Bytes::Owned(run), &Present::default())
        }
        kind => ring.open(Type::from_name(kind)?, &upload(case), data).map(|_| ()),
    }
}

/// A store of one pack.
struct Held<'a>(&'a [u8]);

impl Fetch for Held<'_> {
    fn fetch(&self, _: &str, offset: u64, out: &mut [u8]) -> Result<()> {
        out.copy_from_slice(&self.0[offset as usize..][..out.len()]);
        Ok(())
    }
}

/// Scrubs a pack of these bytes.
pub fn scrub(ring: &Keyring, name: &str, data: &[u8]) -> Result<()> {
    verify::pack(ring, &Held(data), name, data.len()).map(|_| ())
}
