//! Philox4x32-10: random numbers by counter (J. K. Salmon, M. A. Moraes, R. O. Dror,
//! D. E. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC11, 2011). How seed, row,
//! draw and index make key and counter is said in `logitkit._philox`.

use super::Source;

const MULTIPLIERS: [u32; 2] = [0xd251_1f53, 0xcd9e_8d57];
const KEY_STEPS: [u32; 2] = [0x9e37_79b9, 0xbb67_ae85];
const ROUNDS: usize = 10;

/// What a random number is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    /// To draw a token with replacement, by the number of the sample.
    Sample = 0,
    /// To draw different tokens, by their ids.
    Token = 1,
    /// Whether a step that draws does what it is for.
    Xtc = 2,
}

/// The four random words of a counter.
pub(crate) fn philox4x32(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let [mut c0, mut c1, mut c2, mut c3] = counter;
    let [mut k0, mut k1] = key;
    for _ in 0..ROUNDS {
        let p0 = u64::from(MULTIPLIERS[0]) * u64::from(c0);
        let p1 = u64::from(MULTIPLIERS[1]) * u64::from(c2);
        let high = [p0, p1].map(|p| (p >> 32) as u32);
        (c0, c1, c2, c3) = (high[1] ^ c1 ^ k0, p1 as u32, high[0] ^ c3 ^ k1, p0 as u32);
        k0 = k0.wrapping_add(KEY_STEPS[0]);
        k1 = k1.wrapping_add(KEY_STEPS[1]);
    }
    [c0, c1, c2, c3]
}

/// 53 random bits for each of the indices `2 pair` and `2 pair + 1`.
fn bits(source: &Source, stream: Stream, pair: u32) -> [u64; 2] {
    let Source { seed, row, draw } = *source;
    let counter = [(stream as u32) << 29 | pair, draw, row as u32, (row >> 32) as u32];
    let [a, b, c, d] = philox4x32(counter, [seed as u32, (seed >> 32) as u32]);
    [(a, b), (c, d)].map(|(low, high)| (u64::from(high) << 32 | u64::from(low)) >> 11)
}

/// The uniform number in [0, 1) of an index.
pub(crate) fn uniform(source: &Source, stream: Stream, index: usize) -> f64 {
    bits(source, stream, (index / 2) as u32)[index % 2] as f64 * 2.0_f64.powi(-53)
}

/// Uniform numbers in (0, 1] of the tokens with ids `2 pair` and `2 pair + 1`, the logarithms of
/// which are exponential ones.
pub(crate) fn token_uniforms(source: &Source, pair: u32) -> [f64; 2] {
    bits(source, Stream::Token, pair).map(|bits| (bits + 1) as f64 * 2.0_f64.powi(-53))
}
