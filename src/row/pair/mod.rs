//! Two rows over the same tokens: what is known of the pair, and how divergences
//! follow from it without cancellation.
//!
//! With `p` and `q` the two softmaxes, `r = ln p - ln q` of a token and sums over
//! tokens,
//!
//! * KL(p||q) `= sum of (q - p + p r)`,
//! * total variation `= 1/2 sum of |q - p|`,
//! * JS `= sum of m (w f(p / m) + (1 - w) f(q / m))`, `m = w p + (1 - w) q` and
//!   `f(t) = t ln t - t + 1`,
//!
//! of which no term is negative, so that the divergence of nearly equal models is
//! as accurate, relative to itself, as that of others. `sum p r` cancels: it loses
//! all digits at a KL of 1e-7.
//!
//! The sums know `q` up to a factor `1 + s` near 1, because the log-sum-exps that it
//! comes from are rounded or guessed; `s = sum of (q - p) / sum of p` tells it. For KL,
//! `s - ln(1 + s)` is then taken off, which is exact. JS is of second order in `s`. The
//! distance is of first order, and corrected by what it grows with `q`, as if no token
//! were to change sides: where `s` is not far below the distance of the models, the rows
//! are read again, from the cache.
//!
//! [`difference`] makes the sums of rows at one temperature, [`terms`] those of others
//! and of uneven mixtures ([`mixture`]), [`renyi`] those of powers, [`plain`] those that
//! registers do not hold. KL alone needs no log-sum-exp first ([`running`]). Once a pair has
//! been read, [`gradient`] writes what KL grows by with each logit.
//!
//! At one temperature `r` is exact relative to itself. At two, in 32-bit lanes only to
//! about 1e-13, in 64-bit lanes to 1e-16 times the size of the logits. KL and JS are of
//! second order in `r`; total variation is of first order, and has that as an absolute
//! error.

pub(crate) mod alignment;
mod basis;
pub(crate) mod common;
pub(crate) mod difference;
pub(crate) mod gradient;
mod mixture;
mod plain;
pub(crate) mod read;
pub(crate) mod renyi;
pub(crate) mod running;
mod terms;

use super::part::Part;
use super::{Columns, Plan};
use alignment::Alignment;
use renyi::Affinity;

/// Logits below this one count as -inf where the infinite is told from the large.
pub(crate) const LOWEST: f64 = -1e30;

/// Ratios above this one may be infinite: they are looked at one by one.
pub(crate) const FAR: f64 = 1e20;

/// What is summed over a pair of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Terms {
    /// `|q - p|`.
    Distance,
    /// And those of KL.
    KullbackLeibler,
    /// And those of JS.
    JensenShannon,
    /// Those of the Rényi divergence alone.
    Renyi,
}

/// What must be known of a pair.
#[derive(Clone, Copy, Debug)]
pub struct PairPlan {
    /// Of the first row alone.
    pub p: Plan,
    /// Of the second.
    pub q: Plan,
    /// Of both together.
    pub terms: Terms,
    /// Weight of the first row in the mixture of JS.
    pub weight: f64,
    /// Order of the Rényi divergence.
    pub order: f64,
}

impl PairPlan {
    /// Even mixtures, and the weights of both rows; the order is for what needs one.
    pub(crate) const fn new(terms: Terms) -> Self {
        Self { p: Plan::Weights, q: Plan::Weights, terms, weight: 0.5, order: 1.0 }
    }
}

/// Sums over a stretch of two rows. Both probabilities are times the same number.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PairSums {
    /// `p`
    pub(crate) mass: f64,
    /// `q - p`
    pub(crate) difference: f64,
    /// `|q - p|`
    pub(crate) distance: f64,
    /// `p` where `q` is larger.
    pub(crate) gaining: f64,
    /// `q - p + p r`
    pub(crate) kl: f64,
    /// The terms of JS.
    pub(crate) js: f64,
    /// `p^a q^(1-a) - p - (1 - a) (q - p)`, with `a` the order.
    pub(crate) renyi: f64,
    /// `p^a q^(1-a)`, of what has been read in logarithms.
    pub(crate) affinity: Affinity,
    /// Largest `r`, up to a few hundred.
    pub(crate) furthest: f64,
}

impl PairSums {
    /// Both; the largest of one, the sum of the others.
    pub(crate) fn merge(self, later: PairSums) -> PairSums {
        PairSums {
            mass: self.mass + later.mass,
            difference: self.difference + later.difference,
            distance: self.distance + later.distance,
            gaining: self.gaining + later.gaining,
            kl: self.kl + later.kl,
            js: self.js + later.js,
            renyi: self.renyi + later.renyi,
            affinity: self.affinity.merge(later.affinity),
            furthest: self.furthest.max(later.furthest),
        }
    }

    /// By how much `q` is too large.
    pub(crate) fn surplus(&self) -> f64 {
        self.difference / self.mass
    }
}

/// `s - ln(1 + s)` without cancellation.
pub(crate) fn surplus_of_log(s: f64) -> f64 {
    if s.abs() > 0.02 {
        return s - s.ln_1p();
    }
    // s^2 / 2 - s^3 / 3 + ...; twelve terms leave less than a last place.
    let tail = (2..14).rev().fold(0.0, |sum, n| sum * -s + 1.0 / f64::from(n));
    s * s * tail
}

/// Whether there was no divergence, or all of it was surplus: but rounding is left.
fn is_nothing(left: f64, all: f64) -> bool {
    all == 0.0 || left < 8.0 * f64::EPSILON * all
}

/// A pair of rows that have been read.
pub struct Pair<'a> {
    pub(crate) parts: [Part; 2],
    /// Whether both are finite somewhere and have neither NaN nor +inf.
    pub(crate) valid: bool,
    /// `None` if they are not valid, or their log-sum-exps were not asked for.
    pub(crate) alignment: Option<Alignment>,
    pub(crate) sums: PairSums,
    pub(crate) temperatures: [f64; 2],
    /// The targets' logits in both; `None` for one to be skipped.
    pub(crate) target_logits: &'a [Option<[f64; 2]>],
}

impl Pair<'_> {
    /// NaN for a pair that is not valid, else no less than 0.
    pub(crate) fn valid(&self, divergence: f64) -> f64 {
        if self.valid { divergence.max(0.0) } else { f64::NAN }
    }

    /// KL(p||q) in nats.
    pub(crate) fn kl(&self) -> f64 {
        let kl = self.sums.kl / self.sums.mass;
        let left = kl - surplus_of_log(self.sums.surplus());
        self.valid(if is_nothing(left, kl) { 0.0 } else { left })
    }

    /// JS in nats.
    pub(crate) fn js(&self) -> f64 {
        self.valid(self.sums.js / self.sums.mass)
    }

    /// Total variation.
    pub(crate) fn total_variation(&self) -> f64 {
        let PairSums { mass, distance, gaining, .. } = self.sums;
        // How the distance grows with `q`: the sum of `q` where it is larger, less that
        // of the others.
        let growth = 2.0 * gaining - mass + distance;
        let surplus = self.sums.surplus();
        let left = distance - surplus / (1.0 + surplus) * growth;
        self.valid(if is_nothing(left, distance) { 0.0 } else { (0.5 * left / mass).min(1.0) })
    }
}

/// A statistic of pairs of rows.
pub trait PairStatistic: Sync {
    /// Its results, pair after pair.
    type Output: Columns;
    /// Whether both rows are read in 64-bit lanes whatever their elements.
    const DOUBLE: bool = false;
    /// What it must know of a pair.
    fn plan(&self) -> PairPlan;
    /// Adds the result for a pair.
    fn finish(&self, pair: &Pair, output: &mut Self::Output);
}
