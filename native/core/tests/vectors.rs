//! The golden vectors, read by the core alone: what is good is read, what is not is refused.

use holdall_core::crypto::derive;
use holdall_core::cut::Cutter;
use holdall_core::error::{Error, Result};
use holdall_core::keyring::Keyring;
use holdall_core::msgpack::Reader;
use holdall_core::object::{self, hex, padme, Type};
use holdall_core::page::{Content, Page};
use serde_json::Value;

mod golden;
use golden::{cases, fixed, open, ring, scrub, text, unhex, vectors};

fn read(ring: &Keyring, case: &Value) -> Result<()> {
    let data = unhex(text(case, "hex"));
    if !text(case, "object").starts_with(blake3::hash(&data).to_hex().as_str()) {
        return Err(Error::Damaged("the bytes are not what the name says".into()));
    }
    open(ring, case, &data)
}

fn judge(case: &Value, refused: bool, result: Result<()>) {
    assert_eq!(result.is_err(), refused, "{}: {result:?}", text(case, "name"));
}

#[test]
fn records() {
    let records = cases("records");
    let ring = ring(&records);
    // What these hold is read by TypeScript.
    let typescript = [
        "config",
        "snapshot",
        "section",
        "claim",
        "end",
        "intent",
        "withdrawn",
        "fence",
        "condemned",
        "tombstone",
    ];
    let mut refusals = 0;
    for case in &records {
        let deep = text(case, "level") == "content" && typescript.contains(&text(case, "type"));
        let refused = case["refused"] == true && !deep;
        judge(case, refused, read(&ring, case));
        refusals += usize::from(refused);
    }
    assert!(refusals > 30, "only {refusals} refusals");
}

#[test]
fn packs() {
    let ring = ring(&cases("records"));
    for case in &cases("packs") {
        let result = scrub(&ring, text(case, "object"), &unhex(text(case, "hex")));
        judge(case, case["refused"] == true, result);
    }
}

#[test]
fn pages() {
    for case in &cases("pages") {
        let result = Page::decode(&unhex(text(case, "hex")));
        let name = text(case, "name");
        assert_eq!(result.is_err(), case["refused"] == true, "{name}");
        let Ok(page) = result else { continue };
        let left_out: Vec<String> = match &page {
            Page::Leaf(entries) => entries
                .iter()
                .filter(|e| matches!(e.content, Content::Refused(_)))
                .map(|e| String::from_utf8_lossy(&e.name).into_owned())
                .collect(),
            _ => vec![],
        };
        let said = case["leftOut"].as_array().cloned().unwrap_or_default();
        assert_eq!(left_out, said.iter().filter_map(Value::as_str).collect::<Vec<_>>(), "{name}");
        if left_out.is_empty() && !name.contains("to-pass-over") {
            assert_eq!(hex(&page.encode()), text(case, "hex"), "{name} is written as it was read");
        }
    }
}

#[test]
fn encoding() {
    for case in &cases("encoding") {
        let data = unhex(text(case, "hex"));
        let mut reader = Reader::new(&data);
        judge(case, case["refused"] == true, reader.skip().and_then(|()| reader.end()));
    }
}

#[test]
fn keys() {
    let keys = vectors("keys");
    let of = |name: &str| -> [u8; 32] { fixed(text(&keys, name)) };
    let fingerprint = derive("holdall v1 root fingerprint", &[&of("root")]);
    assert_eq!(hex(&fingerprint[..16]), text(&keys, "fingerprint"));
    for (kind, id) in ["data", "page", "list"].iter().zip(keys["ids"].as_array().unwrap()) {
        let derived = derive(&format!("holdall v1 id {kind}"), &[&of("idKey")]);
        assert_eq!(hex(&derived), id.as_str().unwrap());
    }
    assert_eq!(hex(&derive("holdall v1 type claim", &[&of("role")])), text(&keys, "typeKey"));
    let lineage = fixed(text(&keys, "lineage"));
    let key = object::object_key(Type::Claim, &of("role"), &lineage, &of("salt"));
    assert_eq!(hex(&key.commitment), text(&keys, "commitment"));
    let header = object::Header::new(Type::Claim, &of("salt"), &key.commitment);
    assert_eq!(hex(&header.bytes), text(&keys, "header"));
}

#[test]
fn padding() {
    for pair in &cases("padme") {
        let [from, to] = [0, 1].map(|i| pair[i].as_u64().unwrap() as usize);
        assert_eq!(padme(from), to);
    }
}

#[test]
fn cut_points() {
    let mut data = vec![0; 700_000];
    blake3::Hasher::new().update(b"holdall cut points").finalize_xof().fill(&mut data);
    data.resize(1_000_000, 0);
    data.extend_from_slice("a line of a log\n".repeat(20_000).as_bytes());
    let cutting = vectors("cutting");
    for (name, kind) in [("aes", holdall_core::cut::AES), ("gear", holdall_core::cut::GEAR)] {
        let cutter = Cutter::new(kind, &fixed(text(&cutting, "key")));
        let (mut rest, mut cuts) = (&data[..], vec![]);
        while !rest.is_empty() {
            let n = cutter.next(rest);
            cuts.push(n as u64);
            rest = &rest[n..];
        }
        let said: Vec<u64> =
            cutting[name].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect();
        assert_eq!(cuts, said, "{name}");
    }
}
