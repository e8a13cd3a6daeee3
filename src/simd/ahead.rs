//! Which cache lines a pass over memory asks for before it needs them.

use std::num::NonZeroUsize;

use super::{Simd, processor};

/// Bytes that memory brings together.
const CACHE_LINE: usize = 64;

/// How far ahead of the arithmetic the cache lines are asked for: from far away into
/// the second-level cache, then from there into the first.
///
/// A core has few places for lines on their way to its first-level cache (16 on
/// Sapphire Rapids), many more for those to the second (48). With the near request
/// alone entropy ran at 0.79 of the read bandwidth there, with both at 0.87; near ones
/// at 4 to 16 KiB and far ones at 32 to 128 KiB made no difference.
///
/// A Zen 5 core takes 13.7 microseconds for the entropy of a row with near requests at 8
/// KiB or farther, 15.3 at 4; for ranks, which are little work, 13.3 at 10 KiB and 14.3 at
/// 12 or farther. Far requests are in the way there ([`processor::far_requests`]): with
/// both, KL took 38.7 microseconds for a pair of rows against 34.9, also where the rows
/// came from the third-level cache, and topk 19.3 for a row against 17.3.
///
/// On Zen 4 both together are best for passes with much arithmetic (KL 57 microseconds
/// for a pair of rows, 59 without any, 65 with near ones alone). Where arithmetic takes no
/// longer than memory does, the distance of the far ones counts: entropy takes 20.0
/// microseconds with 20 or 22 KiB, 20.7 with 18 or 24, 21.4 with 16, 21.8 with 28 or 32.
///
/// The non-temporal hint was worse than none on the first two.
const NEAR: usize = 10240;

/// Asks for the cache lines that are to follow `bytes`, which are about to be read for
/// the first time.
#[inline(always)]
pub(crate) fn prefetch<S: Simd>(simd: S, bytes: &[u8]) {
    if let Some(far) = processor::far_requests() {
        prefetch_far(simd, bytes, far.get());
    }
    prefetch_near(simd, bytes, NEAR);
}

/// As [`prefetch`] in a pass that does next to nothing with each line, so that memory alone
/// sets its pace: nothing where the processor [keeps up](processor::keeps_up) by itself. On
/// Zen 4 maximum and sum of a row take 18 microseconds without requests, 20 with those at 10
/// KiB, 22 to 24 with closer ones.
#[inline(always)]
pub(crate) fn prefetch_light<S: Simd>(simd: S, bytes: &[u8]) {
    if !processor::keeps_up() {
        prefetch(simd, bytes);
    }
}

/// Asks for the line of a few bytes that are to be read soon, out of all order.
pub(crate) fn prefetch_one(bytes: &[u8]) {
    // SAFETY: every processor of 64 bits has the instruction, and it never faults.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(bytes.as_ptr().cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = bytes;
}

/// As `prefetch` in a pass over bytes that have been read before, `distance` of them: what
/// that pass has asked for is not asked for again.
#[inline(always)]
pub(crate) fn prefetch_behind<S: Simd>(simd: S, bytes: &[u8], distance: usize) {
    if let Some(far) = processor::far_requests() {
        prefetch_far(simd, bytes, far.get() + distance);
    } else {
        prefetch_near(simd, bytes, NEAR + distance);
    }
}

/// As `prefetch` in a pass over a row that has been read before: asks for the lines
/// `distance` bytes behind, those of the row that comes next. Arithmetic takes that pass
/// longer than memory takes for them; none are asked for without a distance.
#[inline(always)]
pub(crate) fn prefetch_next<S: Simd>(simd: S, bytes: &[u8], distance: Option<NonZeroUsize>) {
    if let Some(distance) = distance {
        prefetch_far(simd, bytes, distance.get());
    }
}

/// Asks for the lines `distance` bytes behind.
#[inline(always)]
fn prefetch_near<S: Simd>(simd: S, bytes: &[u8], distance: usize) {
    for line in 0..bytes.len() / CACHE_LINE {
        simd.prefetch(bytes, distance + line * CACHE_LINE);
    }
}

/// Asks for the lines `distance` bytes behind, as near as the second-level cache.
#[inline(always)]
fn prefetch_far<S: Simd>(simd: S, bytes: &[u8], distance: usize) {
    for line in 0..bytes.len() / CACHE_LINE {
        simd.prefetch_to_second_level(bytes, distance + line * CACHE_LINE);
    }
}
