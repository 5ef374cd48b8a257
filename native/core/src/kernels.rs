//! The search for cuts with the processor's own AES: one, two or four windows to a register.
//!
//! A window is the 16 bytes before a position. Those of neighbours overlap, so that a load as wide
//! as a register brings the windows of positions 16 apart, ready to be encrypted.

use std::arch::x86_64::*;

/// Positions that are looked at together; a search is at least so long.
pub const STEP: usize = 64;

/// Looks at `STEP` positions: expanded key, data, first position, mask.
type Find = unsafe fn(&[__m128i; 11], &[u8], usize, u32) -> Option<usize>;

/// What encrypts windows, and the expanded key. None is made where its instructions are missing.
pub struct Kernel {
    find: Find,
    keys: [__m128i; 11],
}

impl Kernel {
    /// Those that this processor can run, the fastest first.
    pub fn all(key: &[u8; 16]) -> Vec<Kernel> {
        if !is_x86_feature_detected!("aes") {
            return vec![];
        }
        // SAFETY: the processor has AES-NI.
        let keys = unsafe { expand(key) };
        let vaes = is_x86_feature_detected!("vaes");
        let made: [(bool, Find); 3] = [
            (vaes && is_x86_feature_detected!("avx512f"), wide),
            (vaes && is_x86_feature_detected!("avx2"), middle),
            (is_x86_feature_detected!("sse4.1"), narrow),
        ];
        made.into_iter().filter(|m| m.0).map(|m| Kernel { find: m.1, keys }).collect()
    }

    /// The first position of `from..to` at which the encrypted window has the bits of `mask` zero.
    /// At least 16 bytes lie before `from`, `STEP` positions in the range, and all of it in `data`.
    pub fn find(&self, data: &[u8], from: usize, to: usize, mask: u32) -> Option<usize> {
        assert!(from >= 16 && to >= from + STEP && to <= data.len());
        let mut at = from;
        while at < to {
            // The last step looks again at some where the one before found nothing.
            let start = at.min(to - STEP);
            // SAFETY: the kernel exists only where its instructions do; the windows of `STEP`
            // positions from `start` on begin 16 bytes before it and end before `to`.
            let found = unsafe { (self.find)(&self.keys, data, start, mask) };
            if found.is_some() {
                return found;
            }
            at += STEP;
        }
        None
    }
}

/// A register of so many windows. Whoever calls has its instructions.
trait Windows: Copy {
    const LANES: usize;
    unsafe fn load(from: *const u8) -> Self;
    /// The same 16 bytes in every lane.
    unsafe fn spread(lane: __m128i) -> Self;
    unsafe fn begin(self, key: Self) -> Self;
    unsafe fn round(self, key: Self) -> Self;
    unsafe fn last_round(self, key: Self) -> Self;
    unsafe fn and(self, mask: Self) -> Self;
    /// The lesser one of each pair of numbers of 32 bits.
    unsafe fn least(self, other: Self) -> Self;
    /// A bit for each lane whose first number is zero.
    unsafe fn zeros(self) -> u32;
}

macro_rules! windows {
    ($register:ty, $lanes:literal, load $load:ident, spread $spread:ident,
     $($name:ident $instruction:ident),*; zeros $zeros:expr) => {
        impl Windows for $register {
            const LANES: usize = $lanes;

            #[inline(always)]
            unsafe fn load(from: *const u8) -> Self {
                $load(from.cast())
            }

            #[inline(always)]
            unsafe fn spread(lane: __m128i) -> Self {
                $spread(lane)
            }

            $(#[inline(always)]
            unsafe fn $name(self, other: Self) -> Self {
                $instruction(self, other)
            })*

            #[inline(always)]
            unsafe fn zeros(self) -> u32 {
                $zeros(self)
            }
        }
    };
}

#[inline(always)]
fn itself(lane: __m128i) -> __m128i {
    lane
}

windows!(
    __m128i,
    1,
    load _mm_loadu_si128,
    spread itself,
    begin _mm_xor_si128,
    round _mm_aesenc_si128,
    last_round _mm_aesenclast_si128,
    and _mm_and_si128,
    least _mm_min_epu32;
    zeros |w| u32::from(_mm_cvtsi128_si32(w) == 0)
);
windows!(
    __m256i,
    2,
    load _mm256_loadu_si256,
    spread _mm256_broadcastsi128_si256,
    begin _mm256_xor_si256,
    round _mm256_aesenc_epi128,
    last_round _mm256_aesenclast_epi128,
    and _mm256_and_si256,
    least _mm256_min_epu32;
    zeros |w| {
        let zero = _mm256_cmpeq_epi32(w, _mm256_setzero_si256());
        let bits = _mm256_movemask_ps(_mm256_castsi256_ps(zero)) as u32;
        bits & 1 | bits >> 3 & 2
    }
);
windows!(
    __m512i,
    4,
    load _mm512_loadu_si512,
    spread _mm512_broadcast_i32x4,
    begin _mm512_xor_si512,
    round _mm512_aesenc_epi128,
    last_round _mm512_aesenclast_epi128,
    and _mm512_and_si512,
    least _mm512_min_epu32;
    zeros |w| {
        let bits = u32::from(_mm512_testn_epi32_mask(w, w));
        bits & 1 | bits >> 3 & 2 | bits >> 6 & 4 | bits >> 9 & 8
    }
);

/// Registers that are encrypted at once: what hides the time that a round takes.
const AT_ONCE: usize = 8;

/// Looks at `STEP` positions from `start` on. A hit is rare: first it is seen that there is one, by
/// the least of all numbers, then where.
#[inline(always)]
unsafe fn find<W: Windows>(
    keys: &[__m128i; 11],
    data: &[u8],
    start: usize,
    mask: u32,
) -> Option<usize> {
    let want = W::spread(_mm_cvtsi32_si128(mask as i32));
    // The windows of one register are 16 positions apart, those of the next begin one later.
    let window = |n: usize| n / 16 * 16 * W::LANES + n % 16;
    let from = data.as_ptr().add(start - 16);
    let mut first = None;
    for group in (0..STEP / W::LANES).step_by(AT_ONCE) {
        let mut state = [want; AT_ONCE];
        for (i, s) in state.iter_mut().enumerate() {
            *s = W::load(from.add(window(group + i))).begin(W::spread(keys[0]));
        }
        for key in &keys[1..10] {
            let key = W::spread(*key);
            for s in &mut state {
                *s = s.round(key);
            }
        }
        let key = W::spread(keys[10]);
        let mut least = W::spread(_mm_set1_epi32(-1));
        for s in &mut state {
            *s = s.last_round(key).and(want);
            least = least.least(*s);
        }
        if least.zeros() == 0 {
            continue;
        }
        for (i, s) in state.iter().enumerate() {
            let lanes = s.zeros();
            if lanes != 0 {
                let at = start + window(group + i) + 16 * lanes.trailing_zeros() as usize;
                first = Some(first.map_or(at, |f: usize| f.min(at)));
            }
        }
    }
    first
}

#[target_feature(enable = "aes,sse4.1")]
unsafe fn narrow(k: &[__m128i; 11], data: &[u8], start: usize, mask: u32) -> Option<usize> {
    find::<__m128i>(k, data, start, mask)
}

#[target_feature(enable = "vaes,avx2")]
unsafe fn middle(k: &[__m128i; 11], data: &[u8], start: usize, mask: u32) -> Option<usize> {
    find::<__m256i>(k, data, start, mask)
}

#[target_feature(enable = "vaes,avx512f")]
unsafe fn wide(k: &[__m128i; 11], data: &[u8], start: usize, mask: u32) -> Option<usize> {
    find::<__m512i>(k, data, start, mask)
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
