//! How the log-probabilities of two rows follow from their logits.

use super::basis::Basis;
use super::renyi::{grown, is_far_apart};
use super::running::Settled;
use super::{PairPlan, PairSums, Terms};
use crate::element::Real;
use crate::math::exp2::Exp2;
use crate::row::part::{Kind, Part};
use crate::row::scaling::PLAIN_TEMPERATURES;

/// What a reading of two rows takes from their log-sum-exps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Alignment {
    pub(crate) temperatures: [f64; 2],
    /// What the log-sum-exps are measured from: the largest logits, or 0.
    pub(crate) max: [f64; 2],
    /// How far they lie above.
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
    /// Whether differences of logits are not exact enough as they are.
    pub(crate) careful: bool,
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
            careful: false,
        })
    }

    /// Of two rows that a single reading was enough for.
    pub(crate) fn settled(settled: &Settled) -> Self {
        let Settled { temperature, logsumexp, shift, careful, .. } = *settled;
        let log_total = [logsumexp, logsumexp - shift];
        let references = log_total.map(|x| (x * std::f64::consts::LOG2_E).round());
        Self {
            temperatures: [temperature; 2],
            max: [0.0; 2],
            log_total,
            references,
            shift,
            correction: 0.0,
            log_scale: logsumexp - references[0] * std::f64::consts::LN_2,
            plain: true,
            careful,
        }
    }

    /// The same, corrected by what sums about it tell.
    pub(crate) fn corrected(&self, sums: &PairSums) -> Self {
        let surplus = sums.surplus().ln_1p();
        let correction = self.correction - if surplus.is_finite() { surplus } else { 0.0 };
        // The mass is that of probabilities times a number.
        let log_scale = if self.plain { sums.mass.ln() } else { self.log_scale };
        Self { correction, log_scale, ..*self }
    }

    /// What differences of logits are measured from, if they tell all.
    pub(crate) fn basis<R: Exp2>(&self) -> Option<Basis> {
        let [temperature, other] = self.temperatures;
        let shift = self.shift + self.correction;
        let basis = Basis::new(temperature, self.references[0], shift, self.careful);
        (self.plain && temperature == other && basis.is_plain::<R>()).then_some(basis)
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

    /// The alignment that the sums over so many tokens call for, if theirs was not close
    /// enough.
    pub(crate) fn refined<R: Real>(
        &self,
        sums: &PairSums,
        plan: &PairPlan,
        tokens: usize,
    ) -> Option<Self> {
        let surplus = sums.surplus();
        // Of KL and JS it must not be much of what they are.
        let second_order = surplus * surplus * sums.mass;
        // Uneven mixtures amplify what is left.
        let even = plan.weight == 0.5;
        let close = if even { R::CLOSE } else { R::TOLERANCE / 5.0 };
        let first_order = surplus.abs() * sums.mass > close * sums.distance;
        let worst = match plan.terms {
            Terms::Distance => first_order,
            Terms::KullbackLeibler => second_order > 1e-3 * sums.kl,
            Terms::JensenShannon => {
                let share = surplus.abs() > R::TOLERANCE / 2.0;
                first_order || share || second_order > R::TOLERANCE * sums.js
            }
            // Surpluses are corrected exactly; models far apart are read in logarithms.
            Terms::Renyi => {
                let far = plan.order.is_finite() && is_far_apart(grown(sums, plan.order));
                return (self.plain && far).then_some(Self {
                    plain: false,
                    log_scale: 0.0,
                    ..*self
                });
            }
        };
        let is_rough = |basis: Basis| !basis.is_exact_for::<R>(sums, plan.terms, tokens);
        let rough = self.basis::<R>().is_some_and(is_rough);
        let correction = self.correction - surplus.ln_1p();
        ((worst || rough) && surplus > -1.0 && surplus.is_finite()).then_some(Self {
            correction,
            careful: self.careful || rough,
            ..*self
        })
    }
}
