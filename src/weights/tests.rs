//! Rows of weights against plain sums in `f64`: chunks, blocks and units are put together.

use ndarray::{ArrayViewD, IxDyn};

use super::{Entropy, Pair, PairStatistic, Source};
use crate::batch::{of_weights, of_weights_in_pairs};
use crate::row::blocks::{BLOCK, CHUNK};
use crate::simd::strided::StridedRows;

const LENGTHS: [usize; 7] = [1, 2, 15, BLOCK, BLOCK + 1, CHUNK, CHUNK + 77];

/// Weights with no sum in particular, about `scale`, and a few zeros.
fn weights(len: usize, seed: usize, scale: f64) -> Vec<f64> {
    let own = |i: usize| ((i * 7919 + seed * 104_729) % 1009) as f64 / 1009.0;
    (0..len).map(|i| scale * if i % 11 == 3 { 0.0 } else { own(i).exp() }).collect()
}

fn bytes(weights: &[f64]) -> Vec<u8> {
    weights.iter().flat_map(|weight| weight.to_ne_bytes()).collect()
}

fn source(bytes: &[u8]) -> Source<'_> {
    let shape = [1, bytes.len() / 8, 8];
    let cells = ArrayViewD::from_shape(IxDyn(&shape), bytes).expect("whole items");
    let rows = StridedRows::new(cells, false).expect("a row");
    Source::new(rows, "float64").expect("a type of weights")
}

fn entropy_of(weights: &[f64]) -> f64 {
    let bytes = bytes(weights);
    let entropy = Entropy::new(source(&bytes)).expect("an instruction set");
    of_weights(&entropy, Some(1), &mut || false).expect("no interruption")[0]
}

fn of_pair(p: &[f64], q: &[f64], statistic: PairStatistic) -> f64 {
    let (p, q) = (bytes(p), bytes(q));
    let pair = Pair::new([source(&p), source(&q)], statistic).expect("rows of one length");
    of_weights_in_pairs(&pair, Some(1), &mut || false).expect("no interruption")[0]
}

fn assert_close(given: f64, expected: f64, what: &str) {
    let error = (given - expected).abs() / expected.abs().max(1e-3);
    assert!(error < 1e-12, "{what}: {given} for {expected}");
}

#[test]
fn sums_of_every_length() {
    for len in LENGTHS {
        for scale in [1.0, 1e-300, 1e300] {
            let (p, q) = (weights(len, 1, scale), weights(len, 2, 1.0));
            let own = weights(len, 1, 1.0);
            let (p_total, q_total) = (own.iter().sum::<f64>(), q.iter().sum::<f64>());
            let pairs = || own.iter().zip(&q).map(|(x, y)| (x / p_total, y / q_total));
            let mean = |term: &dyn Fn(f64, f64) -> f64| {
                pairs().filter(|(x, _)| *x > 0.0).map(|(x, y)| x * term(x, y)).sum::<f64>()
            };
            assert_close(entropy_of(&p), -mean(&|x, _| x.ln()), "entropy");
            let crossed = of_pair(&p, &q, PairStatistic::CrossEntropy);
            assert_close(crossed, -mean(&|_, y| y.ln()), "cross-entropy");
            let kl = of_pair(&p, &q, PairStatistic::KullbackLeibler);
            assert_close(kl, mean(&|x, y| (x / y).ln()), "KL");
        }
    }
}

#[test]
fn nearly_equal_rows_keep_their_digits() {
    let p = weights(3000, 5, 1.0);
    let q: Vec<f64> =
        p.iter().enumerate().map(|(i, w)| w * (1.0 + 1e-9 * (i % 3) as f64)).collect();
    let total: f64 = p.iter().sum();
    let shift = p.iter().zip(&q).map(|(x, y)| y - x).sum::<f64>() / total;
    let second = p.iter().zip(&q).map(|(x, y)| x * ((y - x) / x.max(1e-9) - shift).powi(2));
    let expected = second.filter(|term| *term > 0.0).sum::<f64>() / total / 2.0;
    let kl = of_pair(&p, &q, PairStatistic::KullbackLeibler);
    assert!((kl / expected - 1.0).abs() < 1e-6, "{kl} for {expected}");
    let js = of_pair(&p, &q, PairStatistic::JensenShannon);
    assert!((4.0 * js / expected - 1.0).abs() < 1e-6, "{js} for {expected} / 4");
}

#[test]
fn rows_that_have_no_distribution() {
    let good = weights(40, 3, 1.0);
    for bad in [-1.0, f64::NAN, f64::INFINITY] {
        let mut row = good.clone();
        row[17] = bad;
        assert!(entropy_of(&row).is_nan());
        assert!(of_pair(&good, &row, PairStatistic::KullbackLeibler).is_nan());
    }
    assert!(entropy_of(&[0.0; 5]).is_nan());
    assert_eq!(entropy_of(&[0.0, 3.0, 0.0]), 0.0);
    let kl = of_pair(&[1.0, 1.0], &[1.0, 0.0], PairStatistic::KullbackLeibler);
    assert_eq!(kl, f64::INFINITY);
}
