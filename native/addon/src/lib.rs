//! The glue between Node and the core: conversions only.
#![deny(clippy::all)]

mod bridge;
mod cut;
mod jobs;
mod keys;
mod prune;
mod spec;
mod spool;
mod still;
mod table;
mod transfer;

use napi_derive::napi;

/// The numbers that FORMAT.md states, for the test that compares the two.
#[napi]
pub fn format_constants() -> String {
    use holdall_core::{cut, index, keyring, msgpack, object, pack, page};
    let numbers: [(&str, usize); 30] = [
        ("version", object::VERSION.into()),
        ("suite", object::SUITE.into()),
        ("header", object::HEADER),
        ("recordLimit", object::RECORD_LIMIT),
        ("locator", pack::LOCATOR - holdall_core::crypto::TAG),
        ("packLimit", pack::LIMIT),
        ("packFill", pack::FILL),
        ("contentsFixed", pack::CONTENTS_FIXED),
        ("contentsCounter", pack::CONTENTS_COUNTER as usize),
        ("locatorCounter", pack::LOCATOR_COUNTER as usize),
        ("blockRow", pack::BLOCK_ROW),
        ("chunkRow", pack::CHUNK_ROW),
        ("blockLimit", pack::BLOCK_LIMIT),
        ("runFixed", index::RUN_FIXED),
        ("runLimit", index::RUN_LIMIT),
        ("packRow", index::PACK_ROW),
        ("pageLimit", page::PAGE_LIMIT),
        ("inlineIds", page::INLINE_IDS),
        ("levels", page::LEVELS as usize),
        ("depth", msgpack::DEPTH),
        ("cutMinimum", cut::MINIMUM),
        ("cutAverage", cut::AVERAGE),
        ("cutMaximum", cut::MAXIMUM),
        ("pagedChunk", cut::PAGE),
        ("kdfFloorKiB", keyring::KDF_FLOOR.0 as usize),
        ("kdfFloorPasses", keyring::KDF_FLOOR.1 as usize),
        ("kdfCeilingKiB", keyring::KDF_CEILING.0 as usize),
        ("kdfCeilingPasses", keyring::KDF_CEILING.1 as usize),
        ("kdfCeilingLanes", keyring::KDF_CEILING.2 as usize),
        ("kindsMost", page::KINDS_MOST as usize),
    ];
    let join = |rows: Vec<String>| rows.join(",");
    let numbers = join(numbers.iter().map(|(name, n)| format!("\"{name}\":{n}")).collect());
    let types = join(object::TYPES.iter().map(|(t, n)| format!("\"{n}\":{}", *t as u8)).collect());
    let kinds = [page::FILE, page::DIR, page::LINK, page::CHAR, page::BLOCK, page::FIFO];
    let kinds = join(kinds.iter().chain(&[page::SOCKET]).map(u8::to_string).collect());
    let row = |(id, critical, _): &(u64, bool, bool)| format!("[{id},{}]", u8::from(*critical));
    let extensions = join(page::ENTRY_EXTENSIONS.iter().map(row).collect());
    format!("{{{numbers},\"types\":{{{types}}},\"kinds\":[{kinds}],\"extensions\":[{extensions}]}}")
}
