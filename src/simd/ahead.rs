//! Which cache lines a pass over memory asks for before it needs them.

use std::num::NonZeroUsize;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Simd;

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
/// On a Zen 5 core the near request alone took entropy from 0.75 of the bandwidth at
/// 1 KiB to 0.95 at 16 and 0.90 at 24. There the far one is in the way: with both, KL
/// took 38.7 microseconds for a pair of rows against 34.9, also where the rows came from
/// the third-level cache, and topk 19.3 for a row against 17.3.
///
/// The non-temporal hint was worse than none on both.
const NEAR: usize = 16384;
const FAR: usize = 32768;

/// Whether lines are asked for from far away, too. Read again for each pair of registers,
/// which costs less than each kernel twice.
static FROM_AFAR: AtomicBool = AtomicBool::new(true);

/// Learns from the processor how it is asked.
pub(crate) fn learn() {
    static LEARNT: Once = Once::new();
    LEARNT.call_once(|| FROM_AFAR.store(!is_amd(), Ordering::Relaxed));
}

#[cfg(target_arch = "x86_64")]
fn is_amd() -> bool {
    #[allow(unused_unsafe, reason = "safe from Rust 1.94 on")]
    // SAFETY: every processor of 64 bits has the instruction, and its leaf 0.
    let vendor = unsafe { std::arch::x86_64::__cpuid(0) };
    let name = [vendor.ebx, vendor.edx, vendor.ecx].map(u32::to_le_bytes);
    name.as_flattened() == b"AuthenticAMD"
}

#[cfg(not(target_arch = "x86_64"))]
fn is_amd() -> bool {
    false
}

/// Asks for the cache lines that are to follow `bytes`, which are about to be read for
/// the first time.
#[inline(always)]
pub(crate) fn prefetch<S: Simd>(simd: S, bytes: &[u8]) {
    if FROM_AFAR.load(Ordering::Relaxed) {
        prefetch_far(simd, bytes, FAR);
    }
    for line in 0..bytes.len() / CACHE_LINE {
        simd.prefetch(bytes, NEAR + line * CACHE_LINE);
    }
}

/// As `prefetch` in a pass over bytes that have been read before, `distance` of them: what
/// that pass has asked for is not asked for again.
#[inline(always)]
pub(crate) fn prefetch_behind<S: Simd>(simd: S, bytes: &[u8], distance: usize) {
    prefetch_far(simd, bytes, FAR + distance);
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

/// Asks for the lines `distance` bytes behind, as near as the second-level cache.
#[inline(always)]
fn prefetch_far<S: Simd>(simd: S, bytes: &[u8], distance: usize) {
    for line in 0..bytes.len() / CACHE_LINE {
        simd.prefetch_to_second_level(bytes, distance + line * CACHE_LINE);
    }
}
