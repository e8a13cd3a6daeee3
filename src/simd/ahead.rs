//! Which cache lines a pass over memory asks for before it needs them.

use std::num::NonZeroUsize;

use super::{Simd, processor};

/// Bytes that memory brings together.
pub(crate) const CACHE_LINE: usize = 64;

/// Asks for the cache lines that are to follow `bytes`, which are about to be read for the
/// first time: from far away into the second-level cache, then from there into the first.
///
/// A core has few places for lines on their way to its first-level cache (16 on Sapphire
/// Rapids), many more for those to the second (48). How far ahead to ask, and at what pace,
/// is for the [processor] to say.
///
/// A Zen 5 core takes 13.7 microseconds for the entropy of a row with near requests at 8
/// KiB or farther, 15.3 at 4; for ranks, which are little work, 13.3 at 10 KiB and 14.3 at
/// 12 or farther. Far requests are in the way there: with both, KL took 38.7 microseconds
/// for a pair of rows against 34.9, also where the rows came from the third-level cache,
/// and topk 19.3 for a row against 17.3.
///
/// On Zen 4 both together are best for passes with much arithmetic (KL 57 microseconds
/// for a pair of rows, 59 without any, 65 with near ones alone). Where arithmetic takes no
/// longer than memory does, the distance of the far ones counts: entropy takes 20.0
/// microseconds with 20 or 22 KiB, 20.7 with 18 or 24, 21.4 with 16, 21.8 with 28 or 32.
///
/// The non-temporal hint was worse than none on Sapphire Rapids and Zen 5.
#[inline(always)]
pub(crate) fn prefetch<S: Simd>(simd: S, bytes: &[u8]) {
    request(simd, bytes, processor::far_requests(), processor::near_requests());
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
#[inline(always)]
pub(crate) fn prefetch_one<T>(bytes: &[T]) {
    // SAFETY: every processor of 64 bits has the instruction, and it never faults.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(bytes.as_ptr().cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = bytes;
}

/// Whether it pays to ask for lines that are in the second-level cache but for a few, as
/// [`prefetch_again`] does.
#[inline(always)]
pub(crate) fn asks_again() -> bool {
    !processor::takes_bursts()
}

/// As `prefetch` in a pass over bytes that have been read before, `distance` of them: what
/// that pass has asked for is not asked for again.
#[inline(always)]
pub(crate) fn prefetch_behind<S: Simd>(simd: S, bytes: &[u8], distance: usize) {
    match processor::far_requests() {
        Some(far) => request(simd, bytes, far.checked_add(distance), None),
        None => {
            let near = processor::near_requests().and_then(|near| near.checked_add(distance));
            request(simd, bytes, None, near);
        }
    }
}

/// The row that is read after one in the cache. While the pass over that one computes,
/// memory brings the first `QUARTERS` of the next one, on Intel's processors.
///
/// They are asked for at an even pace, and no more of them than memory brings meanwhile.
/// Requests beyond that are in the way of the pass, and lines that come in another order slow
/// it down. A plain pass over a row of 128,256, with another before it, takes 55 microseconds
/// together in place; 46 to 48 with a half or five eighths of the next row, 49 with a quarter
/// or three, 54 with all of it, and 62 with every other line.
#[derive(Clone, Copy)]
pub(crate) struct Following<const QUARTERS: usize> {
    /// The address of the row.
    row: usize,
    /// That of the next one.
    next: usize,
}

impl<const QUARTERS: usize> Following<QUARTERS> {
    /// The row `next`, after `row`.
    pub(crate) fn new(row: &[u8], next: &[u8]) -> Self {
        Self { row: row.as_ptr().addr(), next: next.as_ptr().addr() }
    }

    /// The same for a pass whose arithmetic takes less time than memory takes for as much.
    /// Nothing on processors that take bursts: all of the next row's lines took a tenth more
    /// time on Zen 4 where rows are written over themselves, a part has not been measured.
    pub(crate) fn of_light_pass(row: &[u8], next: &[u8]) -> Option<Self> {
        (!processor::takes_bursts()).then(|| Self::new(row, next))
    }
}

/// As `prefetch` in a pass over a row that has been read before and is in the second-level
/// cache, from where processors that [take bursts](processor::takes_bursts) bring it
/// themselves in time. They are asked for all lines of the row that follows, the others for
/// its [first](Following).
///
/// On a Xeon with the features of Granite Rapids, comparing a pair of rows of 128,256 takes
/// 173 microseconds without either, 160 with the next pair's lines, 147 with the pair's own,
/// 143 with both, and 130 with three quarters of the next pair's. A gradient in place
/// takes 65 microseconds for a row with its own lines, and 57 with the first half of the next.
#[inline(always)]
pub(crate) fn prefetch_again<S: Simd, const QUARTERS: usize>(
    simd: S,
    bytes: &[u8],
    following: Option<Following<QUARTERS>>,
) {
    let takes_bursts = processor::takes_bursts();
    if let Some(Following { row, next }) = following {
        let here = bytes.as_ptr().addr();
        let place = here.wrapping_sub(row);
        let (first, lines) = if takes_bursts {
            (place, bytes.len() / CACHE_LINE)
        } else {
            let first = place.wrapping_mul(QUARTERS) / 4;
            (first & !(CACHE_LINE - 1), (bytes.len() * QUARTERS / 4).div_ceil(CACHE_LINE))
        };
        let distance = next.wrapping_sub(here).wrapping_add(first);
        for line in 0..lines {
            simd.prefetch_to_second_level(bytes, distance.wrapping_add(line * CACHE_LINE));
        }
    }
    let near = if takes_bursts { None } else { processor::near_requests() };
    request(simd, bytes, None, near);
}

/// Asks for the lines `far` bytes behind, as near as the second-level cache, and for those
/// `near` bytes behind.
///
/// The loops say the same but for what is asked for: a single one that looks for that at each
/// line takes entropy, and a comparison of two rows, a thirtieth longer.
#[inline(always)]
fn request<S: Simd>(
    simd: S,
    bytes: &[u8],
    far: Option<NonZeroUsize>,
    near: Option<NonZeroUsize>,
) {
    let lines = bytes.len() / CACHE_LINE;
    if processor::takes_bursts() {
        if let Some(far) = far {
            for line in 0..lines {
                simd.prefetch_to_second_level(bytes, far.get() + line * CACHE_LINE);
            }
        }
        if let Some(near) = near {
            for line in 0..lines {
                simd.prefetch(bytes, near.get() + line * CACHE_LINE);
            }
        }
        return;
    }
    let mut at = 0;
    match (far, near) {
        (Some(far), Some(near)) => {
            for _ in 0..lines {
                simd.prefetch_to_second_level(bytes, far.get() + at);
                simd.prefetch(bytes, near.get() + at);
                at = cycles_later(at) + CACHE_LINE;
            }
        }
        (Some(far), None) => {
            for _ in 0..lines {
                simd.prefetch_to_second_level(bytes, far.get() + at);
                at = cycles_later(at) + CACHE_LINE;
            }
        }
        (None, Some(near)) => {
            for _ in 0..lines {
                simd.prefetch(bytes, near.get() + at);
                at = cycles_later(at) + CACHE_LINE;
            }
        }
        (None, None) => {}
    }
}

/// The same number, ten cycles later: what is asked for at an address that follows from
/// it waits so long.
#[inline(always)]
pub(super) fn cycles_later(number: usize) -> usize {
    #[cfg(target_arch = "x86_64")]
    {
        let mut later = number;
        // SAFETY: multiplies a register by one, and changes nothing else.
        unsafe {
            std::arch::asm!(
                "imul {0}, {0}, 1",
                "imul {0}, {0}, 1",
                "imul {0}, {0}, 1",
                inout(reg) later,
                options(pure, nomem, nostack),
            );
        }
        later
    }
    #[cfg(not(target_arch = "x86_64"))]
    number
}
