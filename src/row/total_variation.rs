//! Total variation distance of two softmaxes.

use super::pair::{Pair, PairPlan, PairStatistic, Terms};

/// `1/2 sum |p - q|`, from 0 to 1; the error is relative, as in [`super::pair`].
pub struct TotalVariation;

impl PairStatistic for TotalVariation {
    type Output = Vec<f64>;

    fn plan(&self) -> PairPlan {
        PairPlan::new(Terms::Distance)
    }

    fn finish(&self, pair: &Pair, output: &mut Vec<f64>) {
        output.push(pair.total_variation());
    }
}
