//! Undoing a block's codec: into exactly its stated length, never past the limit.

use crate::error::{Error, Result};
use crate::pack::BLOCK_LIMIT;

/// A decompression context and its output, kept from block to block.
#[derive(Default)]
pub struct Expander {
    zstd: Option<zstd::bulk::Decompressor<'static>>,
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
        if plain > BLOCK_LIMIT {
            return Err(Error::Damaged(format!("block claims {plain} bytes")));
        }
        let out = match codec {
            0 => payload,
            1 => {
                self.out.clear();
                self.out.reserve(plain);
                let bad = |e| Error::Damaged(format!("block does not decompress: {e}"));
                let zstd = match &mut self.zstd {
                    Some(zstd) => zstd,
                    none => none.insert(zstd::bulk::Decompressor::new().map_err(bad)?),
                };
                // The buffer may have more room than this block states; what expands past the
                // statement is refused below.
                zstd.decompress_to_buffer(payload, &mut self.out).map_err(bad)?;
                &self.out
            }
            _ => return Err(Error::Damaged(format!("block has unknown codec {codec}"))),
        };
        if out.len() != plain {
            return Err(Error::Damaged("block expands to another length than stated".into()));
        }
        Ok(out)
    }
}
