//! The terms of a pair one by one in `f64`, for what registers do not hold: logits
//! and temperatures out of range, and ratios that are or may be infinite.

use super::alignment::Alignment;
use super::{LOWEST, PairPlan, PairSums, Terms};
use crate::element::{Element, Real};

/// The terms of a block.
pub(crate) fn plain_terms<C: Element>(
    p: &[u8],
    q: &[u8],
    alignment: &Alignment,
    plan: &PairPlan,
) -> PairSums {
    let weight = plan.weight;
    let mut sums = PairSums::default();
    for (x, y) in p.chunks_exact(C::SIZE).zip(q.chunks_exact(C::SIZE)) {
        let (x, y) = (C::widen(x).to_f64(), C::widen(y).to_f64());
        let Token { log_p, log_q, ratio, p, q, near, difference } =
            Token::new(x, y, alignment);
        sums.mass += p;
        sums.difference += difference;
        sums.distance += difference.abs();
        sums.gaining += if ratio < 0.0 { p } else { 0.0 };
        sums.kl += if p > 0.0 { (difference + p * ratio).max(0.0) } else { q };
        let mixture = weight * p + (1.0 - weight) * q;
        if mixture > 0.0 {
            let apart = difference / mixture;
            let of_p = weight * entropic((weight - 1.0) * apart);
            let of_q = (1.0 - weight) * entropic(weight * apart);
            sums.js += mixture * (of_p + of_q);
        }
        let allowed = x > LOWEST;
        if allowed && y == f64::NEG_INFINITY {
            sums.kl = f64::INFINITY;
        }
        if plan.terms == Terms::Renyi {
            let power = if plan.order.is_finite() { 1.0 - plan.order } else { 0.0 };
            let grown = if !allowed {
                0.0
            } else if near {
                p * (-power * ratio).exp_m1()
            } else {
                (log_p - power * ratio + alignment.log_scale).exp() - p
            };
            sums.renyi += grown - power * difference;
            if allowed {
                sums.affinity.add(plan.order * log_p + power * log_q);
            }
            sums.furthest = sums.furthest.max(if allowed { ratio } else { 0.0 });
        }
    }
    sums
}

/// What follows from the logits of a token, with probabilities times the number of the
/// alignment.
struct Token {
    log_p: f64,
    log_q: f64,
    ratio: f64,
    p: f64,
    q: f64,
    /// Whether the probabilities are of like size.
    near: bool,
    difference: f64,
}

impl Token {
    fn new(x: f64, y: f64, alignment: &Alignment) -> Self {
        let [log_p, ratio] = alignment.log_ratio(x, y);
        let [_, t] = alignment.temperatures;
        let log_q = (y - alignment.max[1]) / t - alignment.log_total[1] + alignment.correction;
        let p = (log_p + alignment.log_scale).exp();
        let q = (log_q + alignment.log_scale).exp();
        let near = ratio.abs() < 1.0;
        let difference = if near { p * (-ratio).exp_m1() } else { q - p };
        Self { log_p, log_q, ratio, p, q, near, difference }
    }
}

/// `q - p` of a token.
pub(super) fn plain_difference(x: f64, y: f64, alignment: &Alignment) -> f64 {
    Token::new(x, y, alignment).difference
}

/// `(1 + u) ln(1 + u) - u`, for small `u` by its series.
fn entropic(u: f64) -> f64 {
    if u <= -1.0 {
        return 1.0;
    }
    if u.abs() > 0.1 {
        return (1.0 + u) * u.ln_1p() - u;
    }
    let terms = (1..16).rev().map(|n| f64::from(n * (n + 1)));
    u * u * terms.fold(0.0, |sum, terms| sum * -u + 1.0 / terms)
}
