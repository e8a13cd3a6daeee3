//! Two rows over the same tokens: what is known of the pair, and how divergences
//! follow from it without cancellation.
//!
//! With `p` and `q` the two softmaxes, `r = ln p - ln q` of a token and sums over
//! tokens,
//!
//! * KL(p||q) `= sum of (q - p + p r)`,
//! * total variation `= 1/2 sum of |q - p|`,
//! * JS `= sum of p ((1 - w) f(q / p) - f(w + (1 - w) q / p))`, `f(t) = t ln t - t + 1`,
//!
//! of which no term is negative, so that the divergence of nearly equal models is
//! as accurate, relative to itself, as that of others. `sum p r` cancels: it loses
//! all digits at a KL of 1e-7.
//!
//! The sums know `q` up to a factor `1 + s` near 1, because the log-sum-exps that it
//! comes from are rounded; `s = sum of (q - p) / sum of p` tells it. For KL,
//! `s - ln(1 + s)` is then taken off, which is exact. The others are of first order
//! in `s`, so the rows are read again where `s` is not far below the distance of the
//! models: only nearly equal ones, from the cache.
//!
//! In 32-bit lanes `r` is exact relative to itself, but where logits are divided by
//! temperatures other than 1 only to about 1e-13; in 64-bit lanes to 1e-16 times the
//! size of the logits. KL and JS are of second order in `r`. Total variation is of
//! first order, and has that as an absolute error.

use super::part::{Kind, Part};
use super::scaling::PLAIN_TEMPERATURES;
use super::{Columns, Plan};
use crate::math::exp2::Exp2;

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
    /// `q - p + p r`
    pub(crate) kl: f64,
    /// The terms of JS.
    pub(crate) js: f64,
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
            kl: self.kl + later.kl,
            js: self.js + later.js,
            furthest: self.furthest.max(later.furthest),
        }
    }

    /// By how much `q` is too large.
    fn surplus(&self) -> f64 {
        self.difference / self.mass
    }
}

/// How the log-probabilities of two rows follow from their logits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Alignment {
    pub(crate) temperatures: [f64; 2],
    /// The largest logits.
    pub(crate) max: [f64; 2],
    /// How far the log-sum-exps lie above them.
    pub(crate) log_total: [f64; 2],
    /// Whole-number references of the weights.
    pub(crate) references: [f64; 2],
    /// `r = x / T - y / U - (shift + correction)`
    pub(crate) shift: f64,
    pub(crate) correction: f64,
    /// Logarithm of the number that probabilities are times.
    pub(crate) log_scale: f64,
    /// Whether registers can hold it; other rows are summed one by one.
    pub(crate) plain: bool,
}

impl Alignment {
    /// Of two rows, if both are valid.
    pub(crate) fn new<R: Exp2>(p: &Part, q: &Part, temperatures: [f64; 2]) -> Option<Self> {
        if p.kind() != Kind::Valid || q.kind() != Kind::Valid {
            return None;
        }
        let log_total = [p.log_total(), q.log_total()];
        let tops = [p.max / temperatures[0], q.max / temperatures[1]];
        let logsumexps = [tops[0] + log_total[0], tops[1] + log_total[1]];
        let exponents = logsumexps.map(|x| x * std::f64::consts::LOG2_E);
        let plain = temperatures.iter().all(|t| PLAIN_TEMPERATURES.contains(t))
            && exponents.iter().all(|x| x.abs() < 0.9 * R::LIMIT);
        let references = exponents.map(f64::round);
        let log_scale = logsumexps[0] - references[0] * std::f64::consts::LN_2;
        Some(Self {
            temperatures,
            max: [p.max, q.max],
            log_total,
            references,
            shift: tops[0] - tops[1] + (log_total[0] - log_total[1]),
            correction: 0.0,
            log_scale: if plain { log_scale } else { 0.0 },
            plain,
        })
    }

    /// `ln p` and `ln p - ln q` of a token by its logits, times no number.
    pub(crate) fn log_ratio(&self, x: f64, y: f64) -> [f64; 2] {
        let [t, u] = self.temperatures;
        let log_p = (x - self.max[0]) / t - self.log_total[0];
        let log_q = (y - self.max[1]) / u - self.log_total[1] + self.correction;
        let ratio = if self.plain {
            let apart = if t == u { (x - y) / t } else { x / t - y / u };
            apart - self.shift - self.correction
        } else {
            log_p - log_q
        };
        [log_p, ratio]
    }

    /// The alignment that the sums call for, if theirs was not close enough.
    pub(crate) fn refined(&self, sums: &PairSums, terms: Terms, close: f64) -> Option<Self> {
        let surplus = sums.surplus();
        let worst = if terms == Terms::KullbackLeibler {
            // What is taken off must not be most of it.
            surplus.abs() * surplus.abs() * sums.mass > 1e-3 * sums.kl
        } else {
            surplus.abs() * sums.mass > close * sums.distance
        };
        let correction = self.correction - surplus.ln_1p();
        (worst && surplus > -1.0 && surplus.is_finite())
            .then_some(Self { correction, ..*self })
    }
}

/// A pair of rows that have been read.
pub struct Pair<'a> {
    pub(crate) parts: [Part; 2],
    /// `None` if one of them is not valid.
    pub(crate) alignment: Option<Alignment>,
    pub(crate) sums: PairSums,
    pub(crate) temperatures: [f64; 2],
    /// The targets' logits in both; `None` for one to be skipped.
    pub(crate) target_logits: &'a [Option<[f64; 2]>],
}

impl Pair<'_> {
    /// NaN for a pair that is not valid, else no less than 0.
    fn valid(&self, divergence: f64) -> f64 {
        if self.alignment.is_some() { divergence.max(0.0) } else { f64::NAN }
    }

    /// KL(p||q) in nats.
    pub(crate) fn kl(&self) -> f64 {
        let surplus = self.sums.surplus();
        self.valid(self.sums.kl / self.sums.mass - (surplus - surplus.ln_1p()))
    }

    /// JS in nats.
    pub(crate) fn js(&self) -> f64 {
        self.valid(self.sums.js / self.sums.mass)
    }

    /// Total variation.
    pub(crate) fn total_variation(&self) -> f64 {
        self.valid((0.5 * self.sums.distance / self.sums.mass).min(1.0))
    }
}

/// A statistic of pairs of rows.
pub trait PairStatistic: Sync {
    /// Its results, pair after pair.
    type Output: Columns;
    /// What it must know of a pair.
    fn plan(&self) -> PairPlan;
    /// Adds the result for a pair.
    fn finish(&self, pair: &Pair, output: &mut Self::Output);
}
