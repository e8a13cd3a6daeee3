//! Kullback-Leibler divergence `sum p ln(p / q)` of two softmaxes.

use super::pair::{Pair, PairPlan, PairStatistic, Terms};

/// KL(p||q), in nats times `scale`; +inf where `q` excludes what `p` allows.
///
/// `sum of (q - p + p r)`, no term negative ([`super::pair`]): the error is relative,
/// at most 1e-6 for 32-bit lanes, 1e-12 for 64-bit.
pub struct KlDivergence {
    /// `1 / ln(base)`; 1 for nats.
    pub scale: f64,
}

impl PairStatistic for KlDivergence {
    type Output = Vec<f64>;

    fn plan(&self) -> PairPlan {
        PairPlan::new(Terms::KullbackLeibler)
    }

    fn finish(&self, pair: &Pair, output: &mut Vec<f64>) {
        output.push(pair.kl() * self.scale);
    }
}
