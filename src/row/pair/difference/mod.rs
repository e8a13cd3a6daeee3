//! The pass over a block of two rows at one temperature: what sets the probabilities
//! of a token apart follows from the difference of its logits.
//!
//! With `p` in weights and `r = (x - y) / T - shift`, `q - p = p (e^-r - 1)`: where
//! `|r|` is small that is a polynomial, and `q` needs no exponential of its own. The
//! others, rare where the models are those of one family, have theirs. Whatever is not
//! needed where all tokens of two registers are [narrow](NARROW), which is nearly
//! everywhere then, is left to the registers where they are not.
//!
//! The difference of two logits of like size is exact, and so is `r` then, relative to
//! itself. Others round by up to half a last place of the shift, which is nothing where
//! the shift is no larger than the log-ratios ([`Basis::is_exact_for`](super::basis::Basis::is_exact_for)); where it is, a
//! careful pass keeps what rounding takes, at eight operations for a register.

mod frame;
mod sums;

pub(crate) use frame::DifferenceFrame;
use sums::TermSums;

use super::basis::headroom;
use super::{LOWEST, PairSums};
use crate::element::{Element, Real, Vector};
use crate::math::excess::Excess;
use crate::math::narrow::{NARROW, Narrow};
use crate::row::blocks::{Block, pieces};
use crate::row::scan;
use crate::simd::two::Two;
use crate::simd::{Lanes, Simd, ahead};

/// [`Terms::Distance`](super::Terms::Distance) as a parameter of passes.
pub(super) const DISTANCE: u8 = 0;
/// [`Terms::KullbackLeibler`](super::Terms::KullbackLeibler).
pub(super) const KL_ALONE: u8 = 1;
/// [`Terms::JensenShannon`](super::Terms::JensenShannon).
pub(super) const WITH_JS: u8 = 2;

/// A row of the pair that comes next: the second pass over one takes about as long as memory
/// takes for three quarters of another.
pub(crate) type NextOfPair = ahead::Following<3>;

/// What is found in a block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockTerms {
    pub(crate) sums: PairSums,
    /// Largest logit of the first row, NaN aside, if its weight may be too large; found
    /// in a first reading alone.
    pub(crate) largest: Option<f64>,
    /// No `|r|` is larger, NaN aside.
    pub(crate) reach: f64,
    /// Whether the second row has logits so low, beside others in the first, that
    /// their log-ratios have been cut off or are infinite: the sums are of no use.
    pub(crate) cut: bool,
    /// Pairs of registers that were hoped to be narrow.
    wide: usize,
}

/// Whether the second row excludes a token that the first allows.
#[inline(always)]
pub(crate) fn excludes<S: Simd, C: Element>(simd: S, p: &[u8], q: &[u8]) -> bool {
    let splat = |x| Vector::<C, S>::splat(simd, C::Lane::from_f64(x));
    let (lowest, nothing) = (splat(LOWEST), splat(f64::NEG_INFINITY));
    let mut found = false;
    let pairs = p.chunks_exact(C::PAIR * C::SIZE).zip(q.chunks_exact(C::PAIR * C::SIZE));
    for (p, q) in pairs {
        let (x, y) = (C::load_pair(simd, p), C::load_pair(simd, q));
        for i in 0..2 {
            found |= x[i].choose(y[i].not_ge(lowest), nothing).any_ge(lowest);
        }
    }
    found
}

/// How the pass takes the tokens of two registers: for narrow, if they show to be.
const HOPEFUL: u8 = 0;
/// For wide, without a look.
const WIDE: u8 = 1;
/// For wide, and it keeps what rounding takes.
const CAREFUL: u8 = 2;

/// Whether blocks are likely to be narrow. They are taken for it, until in one more than
/// an eighth of the registers are not; then the next few are not taken for it. To find
/// out for each pair of registers costs a misprediction where it may be either.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outlook {
    /// So many blocks are not.
    wide: u8,
}

/// Blocks that are taken for wide after one was.
const WIDE_BLOCKS: u8 = 7;

/// The terms of a block; `p` and `q` hold the same number of whole registers.
///
/// * `TERMS`: [`DISTANCE`], [`KL_ALONE`], or [`WITH_JS`] for both and JS with equal
///   weights.
/// * `FIRST`: the rows come from memory, and the shift is a value of the lane type
///   unless the pass is careful; otherwise they come from the cache, and `next` are
///   those of the next pair.
#[inline(always)]
pub(crate) fn difference_terms<S: Simd, C: Element, const TERMS: u8, const FIRST: bool>(
    simd: S,
    [p, q]: [&[u8]; 2],
    frame: &DifferenceFrame<Vector<C, S>>,
    next: [Option<NextOfPair>; 2],
    outlook: &mut Outlook,
) -> BlockTerms {
    if frame.careful {
        return pass::<S, C, TERMS, CAREFUL, FIRST>(simd, [p, q], frame, next);
    }
    if outlook.wide > 0 {
        outlook.wide -= 1;
        return pass::<S, C, TERMS, WIDE, FIRST>(simd, [p, q], frame, next);
    }
    let block = pass::<S, C, TERMS, HOPEFUL, FIRST>(simd, [p, q], frame, next);
    if block.wide > p.len() / (C::PAIR * C::SIZE) / 8 {
        outlook.wide = WIDE_BLOCKS;
    }
    block
}

#[inline(always)]
fn pass<S: Simd, C: Element, const TERMS: u8, const MODE: u8, const FIRST: bool>(
    simd: S,
    [p, q]: [&[u8]; 2],
    frame: &DifferenceFrame<Vector<C, S>>,
    next: [Option<NextOfPair>; 2],
) -> BlockTerms {
    // Too large a weight is +inf, and the sum tells of it.
    let watches = FIRST && (MODE == CAREFUL || !<Vector<C, S> as Lanes>::SATURATES);
    let frame = &frame.uniform();
    let narrow = frame.narrow();
    let narrow_in_step = narrow.in_step();
    let zero = frame.splat(0.0);
    let bound = NARROW / C::Lane::UNIT;
    let bound = frame.splat(bound * bound);
    let mut largest = frame.splat(f64::NEG_INFINITY);
    let mut extremes =
        Extremes { least: zero, reach: frame.splat(NARROW), cut: false, wide: 0 };
    let mut terms = TermSums::zero(frame);
    for (p, q) in pieces::<C>(p).zip(pieces::<C>(q)) {
        let mut piece_terms = TermSums::zero(frame);
        let pairs = p.chunks_exact(C::PAIR * C::SIZE).zip(q.chunks_exact(C::PAIR * C::SIZE));
        for (p, q) in pairs {
            if FIRST {
                ahead::prefetch(simd, p);
                ahead::prefetch(simd, q);
            } else {
                ahead::prefetch_again(simd, p, next[0]);
                ahead::prefetch_again(simd, q, next[1]);
            }
            let (x, y) = (C::load_pair(simd, p), C::load_pair(simd, q));
            if watches {
                largest = x[1].max(x[0].max(largest));
            }
            let x = [frame.p.raised(x[0]), frame.p.raised(x[1])];
            if MODE == HOPEFUL {
                // Where it would change anything to raise the others, they are not
                // narrow: -inf least of all, NaN where the product is emulated.
                let ratio = &frame.narrow_ratio;
                let t = [ratio.of::<FIRST>(x[0], y[0]), ratio.of::<FIRST>(x[1], y[1])];
                let square = [t[0].mul(t[0]), t[1].mul(t[1])];
                if !square[1].add(square[0]).any_not_lt(bound) {
                    if <Vector<C, S> as Lanes>::WAITS {
                        let tokens = [Two(x), Two(t), Two(square)];
                        piece_terms.add_narrow::<_, TERMS>(&narrow_in_step, tokens);
                    } else {
                        for i in 0..2 {
                            let tokens = [x[i], t[i], square[i]];
                            piece_terms.add_narrow::<_, TERMS>(&narrow, tokens);
                        }
                    }
                    continue;
                }
                rare();
                extremes.wide += 1;
            }
            let (sums, extremes) = (&mut piece_terms, &mut extremes);
            if MODE == CAREFUL {
                add_wide::<_, TERMS, true, FIRST>(frame, [x, y], sums, extremes);
            } else {
                add_wide::<_, TERMS, false, FIRST>(frame, [x, y], sums, extremes);
            }
        }
        terms.add(piece_terms);
    }
    let Extremes { least, reach, mut cut, wide } = extremes;
    // Rows that are masked alike are common; a token that but one allows is not.
    if TERMS != DISTANCE && frame.splat(LOWEST).sub(least).any_ge(zero) {
        cut |= excludes::<S, C>(simd, p, q);
    }
    let sums = terms.sums::<TERMS>();
    let largest = if watches {
        Some(largest.largest().to_f64())
    } else if FIRST && (sums.mass.is_nan() || sums.mass >= headroom::<C::Lane>().exp2()) {
        Some(scan::largest::<S, C, false>(simd, Block { bytes: p, start: 0 }).to_f64())
    } else {
        None
    };
    BlockTerms { sums, largest, reach: reach.largest().to_f64(), cut, wide }
}

/// Tells the compiler that the way here is seldom taken.
#[cold]
#[inline]
fn rare() {}

/// What is found of tokens that are not taken for narrow.
#[derive(Clone, Copy)]
struct Extremes<V> {
    /// The least logits of the second row.
    least: V,
    /// The largest `|r|`.
    reach: V,
    /// Whether some `r` are cut off.
    cut: bool,
    /// How many pairs of registers were hoped to be narrow.
    wide: usize,
}

/// Adds the tokens of two registers. The logits of the first row have been raised.
#[inline(always)]
fn add_wide<
    V: Lanes<Scalar: Real>,
    const TERMS: u8,
    const CAREFUL: bool,
    const FIRST: bool,
>(
    frame: &DifferenceFrame<V>,
    [x, y]: [[V; 2]; 2],
    sums: &mut TermSums<V>,
    extremes: &mut Extremes<V>,
) {
    let zero = frame.splat(0.0);
    let bound = frame.splat(V::Scalar::DOMAIN);
    extremes.least = y[1].min(y[0].min(extremes.least));
    let (mut p, mut r) = ([zero; 2], [zero; 2]);
    for i in 0..2 {
        let raised = frame.q_floor.max(y[i]);
        p[i] = frame.weigh::<CAREFUL>(&frame.p, x[i]);
        r[i] = frame.log_ratio::<CAREFUL, FIRST>(x[i], raised);
    }
    let size = r[1].abs().max(r[0].abs());
    extremes.reach = size.max(extremes.reach);
    if size.any_ge(bound) {
        for i in 0..2 {
            let near = r[i].abs().not_ge(bound);
            sums.add_far::<TERMS, CAREFUL>(frame, [p[i], y[i], r[i]], near);
            r[i] = r[i].keep(near);
            let below = frame.q_floor.sub(y[i]);
            extremes.cut |= zero.choose(near, below).any_ge(frame.splat(1e-30));
        }
    }
    for i in 0..2 {
        sums.add_near::<TERMS>(frame, [p[i], r[i], r[i].mul(r[i])]);
    }
}
