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
    let types: Vec<String> =
        object::TYPES.iter().map(|(t, n)| format!("\"{n}\":{}", *t as u8)).collect();
    format!(
        "{{\"version\":{},\"suite\":{},\"header\":{},\"tail\":{},\"packLimit\":{},\"contentsFixed\":{},\"blockRow\":{},\"chunkRow\":{},\"blockLimit\":{},\"runFixed\":{},\"packRow\":{},\"idRow\":{},\"pageLimit\":{},\"inlineIds\":{},\"cutMinimum\":{},\"cutAverage\":{},\"cutMaximum\":{},\"pagedChunk\":{},\"kdfFloorKiB\":{},\"kdfCeilingKiB\":{},\"types\":{{{}}}}}",
        object::VERSION, object::SUITE, object::HEADER, pack::TAIL, pack::LIMIT, pack::CONTENTS_FIXED, pack::BLOCK_ROW,
        pack::CHUNK_ROW, pack::BLOCK_LIMIT, index::RUN_FIXED, index::PACK_ROW, index::ID_ROW, page::PAGE_LIMIT, page::INLINE_IDS,
        cut::MINIMUM, cut::AVERAGE, cut::MAXIMUM, cut::PAGE, keyring::KDF_FLOOR.0, keyring::KDF_CEILING.0, types.join(",")
    )
}
