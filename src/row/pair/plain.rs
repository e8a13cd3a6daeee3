//! The terms of a pair one by one in `f64`, for what registers do not hold: logits
//! and temperatures out of range, and ratios that are or may be infinite.

use super::alignment::Alignment;
use super::{LOWEST, PairSums};
use crate::element::{Element, Real};

/// The terms of a block.
pub(crate) fn plain_terms<C: Element>(
    p: &[u8],
    q: &[u8],
    alignment: &Alignment,
    weight: f64,
) -> PairSums {
    let mut sums = PairSums::default();
    for (x, y) in p.chunks_exact(C::SIZE).zip(q.chunks_exact(C::SIZE)) {
        let (x, y) = (C::widen(x).to_f64(), C::widen(y).to_f64());
        let [log_p, ratio] = alignment.log_ratio(x, y);
        let [_, t] = alignment.temperatures;
        let log_q = (y - alignment.max[1]) / t - alignment.log_total[1] + alignment.correction;
        let p = (log_p + alignment.log_scale).exp();
        let q = (log_q + alignment.log_scale).exp();
        let near = ratio.abs() < 1.0;
        let difference = if near { p * (-ratio).exp_m1() } else { q - p };
        sums.mass += p;
        sums.difference += difference;
        sums.distance += difference.abs();
        sums.gaining += if ratio < 0.0 { p } else { 0.0 };
        sums.kl += if p > 0.0 { (difference + p * ratio).max(0.0) } else { q };
        sums.js += if near {
            let u = (-ratio).exp_m1();
            p * ((1.0 - weight) * entropic(u) - entropic((1.0 - weight) * u))
        } else {
            let mixture = weight * p + (1.0 - weight) * q;
            let one = |share: f64, x: f64| {
                if share * x > 0.0 { share * x * (x / mixture).ln() } else { 0.0 }
            };
            one(weight, p) + one(1.0 - weight, q)
        };
        if x > LOWEST && y == f64::NEG_INFINITY {
            sums.kl = f64::INFINITY;
        }
    }
    sums
}

/// `(1 + u) ln(1 + u) - u`
fn entropic(u: f64) -> f64 {
    (1.0 + u) * u.ln_1p() - u
}
