//! A value for every logit of a row, once the row has been read: probabilities,
//! log-probabilities, gradients.
//!
//! # Method
//! The row's sums are known in `f64`, so a probability is one more weight times one
//! factor: `p = 2^(x * rate - N) * 2^(N - lse log2(e))`, `N` a whole number. Nothing is
//! exponentiated that has been rounded as `x - lse` would be. Its error is relative, 4 ulp
//! at most; probabilities below 2^-123 (2^-1021) are 0. A log-probability is
//! `(x - max) / T - ln A`, two terms of one sign.
//!
//! The second reading finds the row in the cache, the second-level one as a rule: to ask for
//! its lines once more, at a pace, takes a sixth of the time off a gradient in place on a Xeon
//! with the features of Granite Rapids, and a twelfth off log-probabilities. Where the row is
//! written over itself as another type, or with more than its own logits tell, a block goes
//! through scratch space first.
//!
//! The first half of the next row is asked for meanwhile. All of it was tried and dropped: on
//! Intel's processors it gained nothing, on Sapphire Rapids it took a tenth more time, and on
//! Zen 4 as much where rows are written over themselves; a twentieth less elsewhere.
//!
//! Results for which the cache has no room are stored around it where that
//! [pays](fill::goes_around), a whole cache line at a time: what comes before the first
//! of them is a block of its own.

use std::marker::PhantomData;

use super::blocks::{BLOCK, Block, CHUNK, Scratch};
use super::linear::Linear;
use super::part::Part;
use super::put::{Own, blocks_to, put, put_maybe_around};
use super::scaling::{Scaling, Shift, Shifter};
use crate::element::{Element, Real, Vector};
use crate::math::exp2::{Exp2, Weigher};
use crate::simd::cells::bytes_of_mut;
use crate::simd::strided::StridedRows;
use crate::simd::two::Two;
use crate::simd::{Kernel, Lanes, Simd, ahead, fill};

/// What the logits of a row become.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Map {
    /// The same number everywhere.
    Fill(f64),
    /// Log-probabilities.
    LogSoftmax,
    /// `p (constant + slope gap) - linear u`, with `gap` the distance from the maximum
    /// in nats and `u` the row's linear weights ([`Linear`]).
    Softmax {
        /// Factor of the probability.
        constant: f64,
        /// Factor of the probability times the gap.
        slope: f64,
        /// Factor of the linear weights.
        linear: f64,
        /// The place and the value of the one logit that is known better.
        target: Option<(usize, f64)>,
    },
}

/// The row that comes next: a pass takes about half as long as memory takes for as much.
type NextRow = ahead::Following<2>;

/// Where the logits of a row stand.
#[derive(Clone, Copy)]
pub(crate) enum Source<'a> {
    /// In a row of these.
    Row(&'a StridedRows<'a>, usize),
    /// Where the results go.
    InPlace,
}

impl Source<'_> {
    /// A block of the row, by way of `scratch` if it can't be read where it lies: `out`
    /// is where the results go.
    #[inline(always)]
    pub(crate) fn block<'s, E: Element>(
        &'s self,
        out: &'s [u8],
        at: usize,
        len: usize,
        scratch: &'s mut Scratch,
    ) -> Block<'s> {
        match self.row(out) {
            Some(row) => {
                let bytes = &row[at * E::SIZE..(at + len) * E::SIZE];
                if len == BLOCK {
                    return Block { bytes, start: at };
                }
                scratch[..bytes.len()].copy_from_slice(bytes);
            }
            None => {
                if let Source::Row(rows, row) = self {
                    rows.gather(*row, at, len, std::slice::from_mut(scratch));
                }
            }
        }
        Block::padded::<E>(scratch, len, at)
    }

    /// The row after this one, if both can be read where they lie, and the cache has room for
    /// it. It is there: rows in place lie behind one another.
    fn following(&self, out: &[u8], vocab: usize) -> Option<NextRow> {
        match self {
            _ if vocab > CHUNK => None,
            Source::InPlace => NextRow::of_light_pass(out, &out[out.len()..]),
            Source::Row(rows, row) if rows.is_contiguous() => {
                let [row, next] = [*row, row + 1].map(|row| rows.contiguous_row(row));
                NextRow::of_light_pass(row, next)
            }
            Source::Row(..) => None,
        }
    }

    /// The bytes of the row, if they lie together.
    #[inline(always)]
    fn row<'b>(&'b self, out: &'b [u8]) -> Option<&'b [u8]> {
        match self {
            Source::InPlace => Some(out),
            Source::Row(rows, row) => rows.is_contiguous().then(|| rows.contiguous_row(*row)),
        }
    }
}

/// Writes a row's values as elements of type `O`.
pub(crate) struct Write<'a, E: Element, O> {
    pub(crate) source: Source<'a>,
    pub(crate) out: &'a mut [u8],
    pub(crate) map: Map,
    pub(crate) part: Part,
    pub(crate) temperature: f64,
    /// The linear weights and their row, if the map has any.
    pub(crate) linear: Option<(&'a Linear<'a>, usize)>,
    /// Whether the next row is to be read by the same thread.
    pub(crate) goes_on: bool,
    /// Whether what is written is to stay out of the cache.
    pub(crate) around_cache: bool,
    pub(crate) element: PhantomData<(E, O)>,
}

impl<E: Element, O: Element<Lane = E::Lane>> Kernel for Write<'_, E, O> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        match self.map {
            Map::Fill(value) => {
                let value = splat::<S, E>(simd, value);
                for out in self.out.chunks_mut(E::PAIR * O::SIZE) {
                    put::<S, E, O>(simd, [value; 2], out);
                }
            }
            Map::LogSoftmax => self.log_softmax(simd),
            Map::Softmax { constant, slope, linear, target } => {
                let scaling = Scaling::new::<E::Lane>(self.temperature);
                let factors = (constant, slope, linear);
                let plain = scaling.is_plain_for::<E::Lane>(self.part.max);
                let total = self.part.max * scaling.rate
                    + self.part.log_total() * std::f64::consts::LOG2_E;
                let saturate = plain && total.abs() < <E::Lane as Exp2>::NEAR - 1.0;
                match (saturate, slope != 0.0) {
                    (true, true) => self.softmax::<S, false, true, true>(simd, factors),
                    (true, false) => self.softmax::<S, false, false, true>(simd, factors),
                    _ if plain => self.softmax::<S, false, true, false>(simd, factors),
                    _ => self.softmax::<S, true, true, false>(simd, factors),
                }
                if let Some((index, value)) = target {
                    let value = splat::<S, E>(simd, value);
                    let own = &mut self.out[index * O::SIZE..][..O::SIZE];
                    put::<S, E, O>(simd, [value; 2], own);
                }
            }
        }
    }
}

impl<E: Element, O: Element<Lane = E::Lane>> Write<'_, E, O> {
    /// Distances from the maximum in units that do not overflow, and nats per unit.
    #[inline(always)]
    fn shifter<S: Simd>(&self, simd: S) -> (Shifter<Vector<E, S>>, f64) {
        let scaling = Scaling::new::<E::Lane>(self.temperature);
        let shift = self.part.max * scaling.shift.before;
        let nats = scaling.rate * std::f64::consts::LN_2;
        (Shifter::new(simd, Shift { shift, ..scaling.shift }), nats)
    }

    /// A block of logits, and where its results go.
    #[inline(always)]
    fn block_and_out<'s>(
        &'s mut self,
        at: usize,
        len: usize,
        scratch: &'s mut Scratch,
    ) -> (Block<'s>, &'s mut [u8]) {
        let results = at * O::SIZE..(at + len) * O::SIZE;
        match &self.source {
            Source::InPlace => {
                let bytes = &self.out[at * E::SIZE..(at + len) * E::SIZE];
                scratch[..bytes.len()].copy_from_slice(bytes);
                (Block::padded::<E>(scratch, len, at), &mut self.out[results])
            }
            source => (source.block::<E>(&[], at, len, scratch), &mut self.out[results]),
        }
    }

    #[inline(always)]
    fn log_softmax<S: Simd>(&mut self, simd: S) {
        let (shifter, nats) = self.shifter(simd);
        let nats = splat::<S, E>(simd, nats);
        let minus_log_total = splat::<S, E>(simd, -self.part.log_total());
        self.write(simd, &OneByOne(LogDensity { shifter, nats, minus_log_total }), 0.0);
    }

    #[inline(always)]
    fn softmax<S: Simd, const SHIFTED: bool, const SLOPE: bool, const SATURATE: bool>(
        &mut self,
        simd: S,
        (constant, slope, linear): (f64, f64, f64),
    ) {
        let (shifter, nats) = self.shifter(simd);
        let rate = Scaling::new::<E::Lane>(self.temperature).rate;
        let log2_total = self.part.log_total() * std::f64::consts::LOG2_E;
        let top = if SHIFTED { 0.0 } else { self.part.max };
        let reference = top.mul_add(rate, log2_total).round();
        // What the reference is short of: beside a large maximum their sum, once rounded, would
        // have few digits of it.
        let factor = (top.mul_add(-rate, reference) - log2_total).exp2();
        let density = Density::<_, SHIFTED, SLOPE, SATURATE> {
            weigher: Weigher::new(simd, rate, reference).uniform(),
            shifter,
            constant: splat::<S, E>(simd, constant * factor).uniform(),
            slope: splat::<S, E>(simd, slope * factor * -nats).uniform(),
        };
        if Vector::<E, S>::WAITS {
            self.write(simd, &density.in_step(), linear);
        } else {
            self.write(simd, &OneByOne(density), linear);
        }
    }

    /// Writes what becomes of every logit, less its linear weight times `linear`.
    #[inline(always)]
    fn write<S: Simd>(
        &mut self,
        simd: S,
        values: &impl Values<Two<Vector<E, S>>>,
        linear_factor: f64,
    ) {
        let minus_factor = splat::<S, E>(simd, -linear_factor);
        let mut scratch = [0; BLOCK * 8];
        let mut room = [0.0; BLOCK];
        let lane_size = Own::<E>::SIZE;
        let vocab = self.out.len() / O::SIZE;
        let is_linear = self.linear.is_some();
        let next = if self.goes_on { self.source.following(self.out, vocab) } else { None };
        let rewrites = matches!(self.source, Source::InPlace) && E::NAME == O::NAME;
        let around_cache = self.around_cache;
        for (at, len) in blocks_to::<O>(self.out, around_cache) {
            if rewrites && !is_linear && len == BLOCK {
                let bytes = &mut self.out[at * E::SIZE..][..BLOCK * E::SIZE];
                for pair in bytes.chunks_exact_mut(E::PAIR * E::SIZE) {
                    ahead::prefetch_again(simd, pair, next);
                    let x = E::load_pair(simd, pair);
                    E::store_pair(simd, values.of(Two(x)).0, pair);
                }
                continue;
            }
            let weights = match self.linear {
                Some((linear, row)) => linear.lanes::<E>(row, at, len, &mut room),
                None => bytes_of_mut(&mut room),
            };
            let (block, out) = self.block_and_out(at, len, &mut scratch);
            let pairs = block.bytes.chunks_exact(E::PAIR * E::SIZE);
            let outs = out.chunks_mut(E::PAIR * O::SIZE);
            let weights = weights.chunks_exact(E::PAIR * lane_size);
            for ((bytes, out), weights) in pairs.zip(outs).zip(weights) {
                ahead::prefetch_again(simd, bytes, next);
                let x = E::load_pair(simd, bytes);
                let mut y = values.of(Two(x)).0;
                if is_linear {
                    let u = Own::<E>::load_pair(simd, weights);
                    y = [u[0].mul_add(minus_factor, y[0]), u[1].mul_add(minus_factor, y[1])];
                }
                put_maybe_around::<S, E, O>(simd, y, out, around_cache);
            }
        }
        if around_cache {
            fill::fence();
        }
    }
}

/// What becomes of the logits of a register.
trait Values<V> {
    fn of(&self, x: V) -> V;
}

/// Of two registers, one after the other.
struct OneByOne<T>(T);

impl<V, T: Values<V>> Values<Two<V>> for OneByOne<T> {
    #[inline(always)]
    fn of(&self, x: Two<V>) -> Two<V> {
        let [first, second] = x.0;
        Two([self.0.of(first), self.0.of(second)])
    }
}

/// Log-probabilities.
struct LogDensity<V: Lanes> {
    shifter: Shifter<V>,
    nats: V,
    minus_log_total: V,
}

impl<V: Lanes<Scalar: Real>> Values<V> for LogDensity<V> {
    #[inline(always)]
    fn of(&self, x: V) -> V {
        self.shifter.shifted(x).0.mul_add(self.nats, self.minus_log_total)
    }
}

/// `p (constant + slope y)`, spread over registers: `y` in units of the shifter.
struct Density<V: Lanes, const SHIFTED: bool, const SLOPE: bool, const SATURATE: bool> {
    weigher: Weigher<V>,
    shifter: Shifter<V>,
    constant: V,
    slope: V,
}

impl<V, const SHIFTED: bool, const SLOPE: bool, const SATURATE: bool>
    Density<V, SHIFTED, SLOPE, SATURATE>
where
    V: Lanes<Scalar: Real>,
{
    /// The same for two registers [in step](crate::simd::two).
    #[inline(always)]
    fn in_step(&self) -> Density<Two<V>, SHIFTED, SLOPE, SATURATE> {
        Density {
            weigher: self.weigher.in_step(),
            shifter: self.shifter.in_step(),
            constant: Two::of(self.constant),
            slope: Two::of(self.slope),
        }
    }
}

impl<V, const SHIFTED: bool, const SLOPE: bool, const SATURATE: bool> Values<V>
    for Density<V, SHIFTED, SLOPE, SATURATE>
where
    V: Lanes<Scalar: Real>,
{
    #[inline(always)]
    fn of(&self, x: V) -> V {
        let (below_max, error) = self.shifter.shifted(x);
        let y = if SHIFTED { below_max } else { x };
        let kept = self.weigher.is_above_least(y);
        let low = if SHIFTED { error.keep(kept) } else { y };
        // What it makes of logits that are not kept does not matter.
        let factors = self.weigher.factors::<true, SHIFTED, SATURATE>(y, low);
        let p = self.weigher.weight(factors);
        let value = if SLOPE {
            p.mul(below_max.mul_add(self.slope, self.constant))
        } else {
            p.mul(self.constant)
        };
        value.keep(kept)
    }
}

#[inline(always)]
fn splat<S: Simd, E: Element>(simd: S, value: f64) -> Vector<E, S> {
    Vector::<E, S>::splat(simd, E::Lane::from_f64(value))
}
