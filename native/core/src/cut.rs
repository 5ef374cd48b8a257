//! Where a stream is cut: after a byte whose last 16 bytes, encrypted with AES-128 under the
//! domain's secret cut key, have their low bits zero. FastCDC's normalisation; where the processor
//! has no AES, `fastcdc` itself over a keyed Gear table.
//!
//! Every kernel gives the cuts of the scalar one (tested), so the choice of kernel is never stored.

use aes::cipher::{generic_array::GenericArray, BlockEncrypt, KeyInit};
use aes::Aes128;

#[cfg(target_arch = "x86_64")]
use crate::kernels::{self, Kernel};

pub const AVERAGE: usize = 64 << 10;
pub const MINIMUM: usize = AVERAGE / 4;
pub const MAXIMUM: usize = AVERAGE * 4;
const STRICT: u64 = (1 << 18) - 1;
const LOOSE: u64 = (1 << 14) - 1;
/// Bits of a Gear sum that must be zero: as many as above, below its highest one.
const GEAR_STRICT: u64 = STRICT << 45;
const GEAR_LOOSE: u64 = LOOSE << 49;
pub const AES: u8 = 1;
pub const GEAR: u8 = 2;
/// Bytes of one chunk of a paged file.
pub const PAGE: usize = 4096;

pub struct Cutter {
    kind: u8,
    /// The Gear table, and the same shifted by one, as `fastcdc` wants them.
    gear: Box<[[u64; 256]; 2]>,
    aes: Aes128,
    #[cfg(target_arch = "x86_64")]
    kernel: Option<Kernel>,
}

/// AES where the processor has it, Gear elsewhere.
pub fn preferred() -> u8 {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("aes") {
        return AES;
    }
    GEAR
}

/// Whether a file beginning with `head` is one whose writers update pages in place.
pub fn is_paged(head: &[u8]) -> bool {
    let at = |n: usize, magic: &[u8]| {
        head.len() >= n + magic.len() && &head[n..n + magic.len()] == magic
    };
    at(0, b"SQLite format 3\0")
        || at(0, b"redb\x1a\x0a\xa9\x0d\x0a")
        || at(16, &[0xde, 0xc0, 0xef, 0xbe])
        || at(0, b"QFI\xfb")
}

impl Cutter {
    pub fn new(kind: u8, key: &[u8; 32]) -> Cutter {
        let aes_key: [u8; 16] = key[..16].try_into().expect("16 bytes");
        Cutter {
            kind,
            gear: gear_table(key),
            aes: Aes128::new(&GenericArray::from(aes_key)),
            #[cfg(target_arch = "x86_64")]
            kernel: Kernel::all(&aes_key).into_iter().next(),
        }
    }

    /// Length of the first chunk of `data`, which has `MAXIMUM` bytes or is all that is left.
    pub fn next(&self, data: &[u8]) -> usize {
        if data.len() <= MINIMUM {
            return data.len();
        }
        if self.kind == GEAR {
            return self.gear(data);
        }
        let end = data.len().min(MAXIMUM);
        let middle = end.min(AVERAGE);
        let cut = self
            .find(data, MINIMUM, middle, STRICT)
            .or_else(|| self.find(data, middle, end, LOOSE));
        cut.unwrap_or(end)
    }

    fn gear(&self, data: &[u8]) -> usize {
        let [strict, loose] = [GEAR_STRICT, GEAR_LOOSE];
        let [table, shifted] = &*self.gear;
        let (_, cut) = fastcdc::v2020::cut_gear(
            data,
            MINIMUM,
            AVERAGE,
            MAXIMUM,
            strict,
            loose,
            strict << 1,
            loose << 1,
            table,
            shifted,
        );
        cut
    }

    /// The first cut position in `from..to` (a cut at p ends a chunk of p bytes).
    fn find(&self, data: &[u8], from: usize, to: usize, mask: u64) -> Option<usize> {
        #[cfg(target_arch = "x86_64")]
        if let Some(kernel) = self.kernel.as_ref().filter(|_| to >= from + kernels::STEP) {
            return kernel.find(data, from, to, mask as u32);
        }
        self.find_scalar(data, from, to, mask)
    }

    fn find_scalar(&self, data: &[u8], from: usize, to: usize, mask: u64) -> Option<usize> {
        (from..to).find(|p| {
            let window: [u8; 16] = data[p - 16..*p].try_into().expect("16 bytes");
            let mut block = GenericArray::from(window);
            self.aes.encrypt_block(&mut block);
            u64::from_le_bytes(block[..8].try_into().expect("8 bytes")) & mask == 0
        })
    }
}

/// 256 words from the cut key: a table that is secret as a whole, not a public one with a mask.
fn gear_table(key: &[u8; 32]) -> Box<[[u64; 256]; 2]> {
    let mut words = [0u8; 2048];
    let mut hasher = blake3::Hasher::new_derive_key("holdall v1 gear");
    hasher.update(key).finalize_xof().fill(&mut words);
    let word = |i: usize| u64::from_le_bytes(words[i * 8..][..8].try_into().expect("8 bytes"));
    let table: [u64; 256] = std::array::from_fn(word);
    Box::new([table, table.map(|w| w << 1)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(n: usize) -> Vec<u8> {
        let mut out = vec![0; n];
        blake3::Hasher::new().update(b"noise").finalize_xof().fill(&mut out);
        out
    }

    fn cuts(cutter: &Cutter, mut data: &[u8]) -> Vec<usize> {
        let mut out = vec![];
        while !data.is_empty() {
            let n = cutter.next(data);
            out.push(n);
            data = &data[n..];
        }
        out
    }

    #[test]
    fn every_kernel_cuts_like_the_scalar_one() {
        let data = noise(3 << 20);
        let slow = Cutter { kernel: None, ..Cutter::new(AES, &[7; 32]) };
        let expected = cuts(&slow, &data);
        for kernel in Kernel::all(&[7; 16]) {
            let fast = Cutter { kernel: Some(kernel), ..Cutter::new(AES, &[7; 32]) };
            assert_eq!(cuts(&fast, &data), expected);
            for (from, to) in (40..180).flat_map(|to| (16..to).map(move |from| (from, to))) {
                for mask in [1, 63, 2047] {
                    assert_eq!(
                        fast.find(&data[..to], from, to, mask),
                        slow.find_scalar(&data[..to], from, to, mask)
                    );
                }
            }
        }
    }

    #[test]
    fn an_insertion_moves_few_cuts() {
        let data = noise(8 << 20);
        for kind in [AES, GEAR] {
            let cutter = Cutter::new(kind, &[9; 32]);
            let before = cuts(&cutter, &data);
            let mut edited = data.clone();
            edited.splice(1_000_000..1_000_000, b"inserted".iter().copied());
            let after = cuts(&cutter, &edited);
            let tail =
                before.iter().rev().zip(after.iter().rev()).take_while(|(a, b)| a == b).count();
            assert!(tail * 10 > before.len() * 7, "{tail} of {} chunks stayed", before.len());
        }
    }

    #[test]
    fn another_key_cuts_elsewhere() {
        let data = noise(4 << 20);
        assert_ne!(
            cuts(&Cutter::new(AES, &[1; 32]), &data),
            cuts(&Cutter::new(AES, &[2; 32]), &data)
        );
    }
}
