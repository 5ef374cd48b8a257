//! Where a stream is cut: after a byte whose last 16 bytes, encrypted with AES-128 under the
//! domain's secret cut key, have their low bits zero. FastCDC's normalisation; where the processor
//! has no AES, `fastcdc` itself over a keyed Gear table.
//!
//! Every kernel gives the cuts of the scalar one (tested), so the choice of kernel is never stored.

use aes::cipher::{generic_array::GenericArray, BlockEncrypt, KeyInit};
use aes::Aes128;

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
    wide: Option<vaes::Kernel>,
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
            wide: vaes::Kernel::detect(&aes_key),
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
        if let Some(kernel) = &self.wide {
            // SAFETY: the kernel exists only where its instructions do.
            return unsafe { kernel.find(data, from, to, mask) };
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

#[cfg(target_arch = "x86_64")]
mod vaes {
    use std::arch::x86_64::*;

    /// Sixteen windows at a time: four registers of four overlapping blocks.
    pub struct Kernel {
        keys: [__m128i; 11],
    }

    impl Kernel {
        pub fn detect(key: &[u8; 16]) -> Option<Kernel> {
            let wide = is_x86_feature_detected!("vaes")
                && is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vbmi")
                && is_x86_feature_detected!("aes");
            // SAFETY: the processor has AES-NI.
            wide.then(|| Kernel { keys: unsafe { expand(key) } })
        }

        #[target_feature(enable = "avx512f,avx512bw,avx512vbmi,vaes")]
        pub unsafe fn find(&self, data: &[u8], from: usize, to: usize, mask: u64) -> Option<usize> {
            let keys = self.keys.map(|k| _mm512_broadcast_i32x4(k));
            let want = _mm512_set1_epi64(mask as i64);
            let mut spread = [0u8; 64];
            for (i, b) in spread.iter_mut().enumerate() {
                *b = (i / 16 + i % 16) as u8;
            }
            let first = _mm512_loadu_si512(spread.as_ptr().cast());
            let step = _mm512_set1_epi8(4);
            let mut at = from;
            while at < to {
                let start = at - 16;
                let room = (data.len() - start).min(32);
                let load = ((1u64 << room) - 1) & 0xffff_ffff;
                let bytes = _mm512_maskz_loadu_epi8(load, data.as_ptr().add(start).cast());
                let mut index = first;
                let mut state = [_mm512_setzero_si512(); 4];
                for s in &mut state {
                    *s = _mm512_xor_si512(_mm512_permutexvar_epi8(index, bytes), keys[0]);
                    index = _mm512_add_epi8(index, step);
                }
                for key in &keys[1..10] {
                    for s in &mut state {
                        *s = _mm512_aesenc_epi128(*s, *key);
                    }
                }
                let mut hits = 0u32;
                for (i, s) in state.iter().enumerate() {
                    let out = _mm512_aesenclast_epi128(*s, keys[10]);
                    let zero = u32::from(_mm512_testn_epi64_mask(out, want)) & 0x55;
                    hits |= (zero & 1 | (zero & 4) >> 1 | (zero & 16) >> 2 | (zero & 64) >> 3)
                        << (4 * i);
                }
                if hits != 0 {
                    let found = at + hits.trailing_zeros() as usize;
                    return (found < to).then_some(found);
                }
                at += 16;
            }
            None
        }
    }

    #[target_feature(enable = "aes")]
    unsafe fn expand(key: &[u8; 16]) -> [__m128i; 11] {
        let mut keys = [_mm_loadu_si128(key.as_ptr().cast()); 11];
        macro_rules! round {
            ($i:literal, $rcon:literal) => {
                let last = keys[$i - 1];
                let mut k = last;
                for _ in 0..3 {
                    k = _mm_xor_si128(last, _mm_slli_si128(k, 4));
                }
                let word = _mm_shuffle_epi32(_mm_aeskeygenassist_si128(last, $rcon), 0xff);
                keys[$i] = _mm_xor_si128(k, word);
            };
        }
        round!(1, 0x01);
        round!(2, 0x02);
        round!(3, 0x04);
        round!(4, 0x08);
        round!(5, 0x10);
        round!(6, 0x20);
        round!(7, 0x40);
        round!(8, 0x80);
        round!(9, 0x1b);
        round!(10, 0x36);
        keys
    }
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
        let fast = Cutter::new(AES, &[7; 32]);
        let slow = Cutter { wide: None, ..Cutter::new(AES, &[7; 32]) };
        assert_eq!(cuts(&fast, &data), cuts(&slow, &data));
        for to in 100..180 {
            assert_eq!(
                fast.find(&data[..to], 40, to, 63),
                slow.find_scalar(&data[..to], 40, to, 63)
            );
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
