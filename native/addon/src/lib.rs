//! The glue between Node and the core: conversions only.
#![deny(clippy::all)]

mod bridge;
mod jobs;
mod keys;
mod spec;
mod table;

use napi_derive::napi;

/// The numbers that FORMAT.md states, for the test that compares the two.
#[napi]
pub fn format_constants() -> String {
    use holdall_core::{cut, index, keyring, object, pack, page};
    let rows = [
        ("version", u64::from(object::VERSION)),
        ("suite", u64::from(object::SUITE)),
        ("header", object::HEADER as u64),
        ("tail", pack::TAIL as u64),
        ("packLimit", pack::LIMIT as u64),
        ("contentsFixed", pack::CONTENTS_FIXED as u64),
        ("blockRow", pack::BLOCK_ROW as u64),
        ("chunkRow", pack::CHUNK_ROW as u64),
        ("blockLimit", pack::BLOCK_LIMIT as u64),
        ("runFixed", index::RUN_FIXED as u64),
        ("packRow", index::PACK_ROW as u64),
        ("idRow", index::ID_ROW as u64),
        ("pageLimit", page::PAGE_LIMIT as u64),
        ("inlineIds", page::INLINE_IDS as u64),
        ("cutMinimum", cut::MINIMUM as u64),
        ("cutAverage", cut::AVERAGE as u64),
        ("cutMaximum", cut::MAXIMUM as u64),
        ("pagedChunk", cut::PAGE as u64),
        ("kdfFloorKiB", u64::from(keyring::KDF_FLOOR.0)),
        ("kdfCeilingKiB", u64::from(keyring::KDF_CEILING.0)),
    ];
    let numbers: Vec<String> = rows.iter().map(|(n, v)| format!("\"{n}\":{v}")).collect();
    let types: Vec<String> =
        object::TYPES.iter().map(|(t, n)| format!("\"{n}\":{}", *t as u8)).collect();
    format!("{{{},\"types\":{{{}}}}}", numbers.join(","), types.join(","))
}
