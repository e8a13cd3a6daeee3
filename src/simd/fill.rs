//! Memory filled with one value, through the cache or around it, and what else is to go around
//! it.

use super::processor;

/// Room from which on nothing of it is in the cache when it comes to be written, and
/// nothing when it comes to be read.
pub(crate) const LARGE: usize = 64 << 20;

/// Whether values for every logit go around the cache to `out`.
pub(crate) fn goes_around(out: &[u8]) -> bool {
    out.len() >= LARGE && processor::streams()
}

/// Fills `out` with copies of `cell`.
pub(crate) fn with(out: &mut [u8], cell: &[u8]) {
    match cell.len() {
        2 => copies::<2>(out, cell),
        4 => copies::<4>(out, cell),
        _ => copies::<8>(out, cell),
    }
}

/// Of a length that is known, so that the compiler makes registers of them.
fn copies<const SIZE: usize>(out: &mut [u8], cell: &[u8]) {
    if let Some(cell) = cell.first_chunk::<SIZE>() {
        out.as_chunks_mut::<SIZE>().0.fill(*cell);
    }
}

/// Puts what has been stored around the cache before anything that others may take for a sign
/// that it is there.
pub(crate) fn fence() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every processor of this kind has the instruction; it only waits.
    unsafe {
        std::arch::x86_64::_mm_sfence();
    }
}

/// As [`with`], without reading what was there, which storing through the cache does: 38 GB/s on
/// a Zen 5 core in place of 31. Lines that are in the cache take twice as long.
#[cfg(target_arch = "x86_64")]
pub(crate) fn around_cache(out: &mut [u8], cell: &[u8]) {
    use std::arch::x86_64::{__m128i, _mm_loadu_si128, _mm_stream_si128};
    const WIDTH: usize = size_of::<__m128i>();
    let head = out.as_ptr().align_offset(64).min(out.len());
    if !head.is_multiple_of(cell.len()) {
        return with(out, cell);
    }
    let (head, rest) = out.split_at_mut(head);
    let (middle, tail) = rest.as_chunks_mut::<WIDTH>();
    let mut pattern = [0; WIDTH];
    for part in [&mut pattern, head, tail] {
        with(part, cell);
    }
    // SAFETY: every processor of this kind has these instructions. The middle is aligned to
    // 64 bytes, and each store stays in the sixteen bytes that are its own.
    unsafe {
        let value = _mm_loadu_si128(pattern.as_ptr().cast());
        for own in middle {
            _mm_stream_si128(own.as_mut_ptr().cast(), value);
        }
    }
    fence();
}

#[cfg(not(target_arch = "x86_64"))]
pub(crate) use with as around_cache;
