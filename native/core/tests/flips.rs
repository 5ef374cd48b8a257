//! Every single-bit flip of every stored object of the golden repository, every truncation, every
//! swap: under its own name the hash tells, under its new one the seal does. Nothing crashes.

use holdall_core::error::Result;
use holdall_core::keyring::Keyring;
use holdall_core::object::object_name;
use serde_json::Value;

mod golden;
use golden::{cases, open, ring, scrub, text, unhex, upload};

struct Golden {
    case: Value,
    data: Vec<u8>,
    is_pack: bool,
}

impl Golden {
    /// Opens other bytes in the place of this object, under the name that they then have.
    fn renamed(&self, ring: &Keyring, data: &[u8]) -> Result<()> {
        if self.is_pack {
            return scrub(ring, &object_name(data, &upload(&self.case)), data);
        }
        open(ring, &self.case, data)
    }

    fn name(&self) -> &str {
        text(&self.case, "name")
    }
}

/// One of each type, whole: the slot of a key file, and no costly derivation.
fn objects() -> (Keyring, Vec<Golden>) {
    let records = cases("records");
    let ring = ring(&records);
    let mut out = Vec::new();
    for (list, is_pack) in [(records, false), (cases("packs"), true)] {
        let good = list.into_iter().filter(|c| {
            text(c, "name").starts_with("good-") && text(c, "name") != "good-slot/passphrase"
        });
        out.extend(good.map(|case| {
            let data = unhex(text(&case, "hex"));
            Golden { case, data, is_pack }
        }));
    }
    (ring, out)
}

#[test]
fn every_bit_of_every_object() {
    let (ring, objects) = objects();
    let mut flips = 0;
    for object in &objects {
        object.renamed(&ring, &object.data).expect("whole, it opens");
        let hash = blake3::hash(&object.data);
        assert!(text(&object.case, "object").starts_with(hash.to_hex().as_str()));
        for bit in 0..object.data.len() * 8 {
            let mut bad = object.data.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(blake3::hash(&bad), hash, "{} bit {bit}: the name", object.name());
            let result = object.renamed(&ring, &bad);
            assert!(result.is_err(), "{} bit {bit}: unseen under a new name", object.name());
            flips += 1;
        }
    }
    let types: std::collections::HashSet<u8> = objects.iter().map(|o| o.data[8]).collect();
    assert_eq!(types.len(), 16, "every type that is stored today");
    assert!(flips > 90_000, "{flips} flips");
}

#[test]
fn every_truncation_and_some_growth() {
    let (ring, objects) = objects();
    for object in &objects {
        for length in 0..object.data.len() {
            let result = object.renamed(&ring, &object.data[..length]);
            assert!(result.is_err(), "{} cut to {length}", object.name());
        }
        for more in [1, 16, 256, 4096] {
            let grown = [&object.data[..], &vec![0; more]].concat();
            assert!(object.renamed(&ring, &grown).is_err(), "{} grown by {more}", object.name());
        }
    }
}

#[test]
fn every_object_in_the_place_of_every_other() {
    let (ring, objects) = objects();
    for place in &objects {
        for other in objects.iter().filter(|o| o.data[8] != place.data[8]) {
            let result = place.renamed(&ring, &other.data);
            // Keys lie in one folder and say themselves which they are.
            let keys = [3, 4, 5];
            if keys.contains(&place.data[8]) && keys.contains(&other.data[8]) {
                continue;
            }
            assert!(result.is_err(), "{} in the place of {}", other.name(), place.name());
        }
    }
}

#[test]
fn nothing_of_another_repository() {
    let (ring, objects) = objects();
    let strangers = Keyring::generate();
    let mut replica = ring.clone();
    replica.replica = [0x66; 16];
    for object in objects.iter().filter(|o| o.data[8] != 1) {
        assert!(object.renamed(&strangers, &object.data).is_err(), "{}", object.name());
        // Packs, keys and config are shared by replicas; control records are not.
        let shared = [2, 3, 4, 5, 6].contains(&object.data[8]);
        assert_eq!(object.renamed(&replica, &object.data).is_ok(), shared, "{}", object.name());
    }
}
