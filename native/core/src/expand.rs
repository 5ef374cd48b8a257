//! Undoing a block's codec: into exactly its stated length, never past the limit.

use crate::error::{Error, Result};
use crate::pack::BLOCK_LIMIT;
use zstd::bulk::Decompressor;

/// A decompression context and its output, kept from block to block.
#[derive(Default)]
pub struct Expander {
    zstd: Option<Decompressor<'static>>,
    out: Vec<u8>,
}

impl Expander {
    /// The plaintext of an opened block, valid until the next one.
    pub fn expand<'a>(
        &'a mut self,
        codec: u8,
        plain: usize,
        payload: &'a [u8],
    ) -> Result<&'a [u8]> {
        expand(&mut self.zstd, codec, plain, payload, &mut self.out)
    }

    /// The same, for who has a buffer to spare.
    pub fn expand_into<'a>(
        &mut self,
        codec: u8,
        plain: usize,
        payload: &'a [u8],
        out: &'a mut Vec<u8>,
    ) -> Result<&'a [u8]> {
        expand(&mut self.zstd, codec, plain, payload, out)
    }
}

fn expand<'a>(
    zstd: &mut Option<Decompressor<'static>>,
    codec: u8,
    plain: usize,
    payload: &'a [u8],
    out: &'a mut Vec<u8>,
) -> Result<&'a [u8]> {
    if plain > BLOCK_LIMIT {
        return Err(Error::Damaged(format!("block claims {plain} bytes")));
    }
    let found = match codec {
        0 => payload,
        1 => {
            out.clear();
            out.reserve(plain);
            let bad = |e| Error::Damaged(format!("block does not decompress: {e}"));
            let zstd = match zstd {
                Some(zstd) => zstd,
                none => none.insert(Decompressor::new().map_err(bad)?),
            };
            // The buffer may have more room than this block states; what expands past the
            // statement is refused below.
            zstd.decompress_to_buffer(payload, out).map_err(bad)?;
            &*out
        }
        _ => return Err(Error::Damaged(format!("block has unknown codec {codec}"))),
    };
    if found.len() != plain {
        return Err(Error::Damaged("block expands to another length than stated".into()));
    }
    Ok(found)
}
