//! The logarithm and its terms of relative entropy, on every instruction set.

use super::double_double::DoubleDouble;
use crate::math::log::Log;
use crate::simd::tests::{Random, sets, store};
use crate::simd::{Bits, Isa, Kernel, Simd};

/// What is computed of numbers, a whole number of registers.
#[derive(Clone, Copy, Debug)]
enum Of {
    Ln,
    RelativeEntropy,
    Eighths,
}

struct Evaluate<'a> {
    x: &'a [f64],
    of: Of,
}

impl Kernel for Evaluate<'_> {
    type Output = Vec<f64>;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Vec<f64> {
        let log = Log::<S::F64>::new(simd);
        let mut values = self.x.to_vec();
        for (out, x) in values.chunks_exact_mut(8).zip(self.x.chunks_exact(8)) {
            let mut bytes = [0; 128];
            for (cell, value) in bytes.chunks_exact_mut(8).zip(x) {
                cell.copy_from_slice(&value.to_ne_bytes());
            }
            let [x, _] = simd.load_f64(&bytes);
            let value = match self.of {
                Of::Ln => log.ln(x),
                Of::RelativeEntropy => log.relative_entropy(x),
                Of::Eighths => x.eighths(),
            };
            store(value, out);
        }
        values
    }
}

fn evaluate(isa: Isa, of: Of, x: &[f64]) -> Vec<f64> {
    assert_eq!(x.len() % 8, 0, "whole registers");
    isa.run(Evaluate { x, of })
}

/// `ln x` as two numbers: the library's and what it is short of, by Newton's step.
fn exact_ln(x: f64) -> DoubleDouble {
    let near = x.ln();
    // x e^-y = 1 + d, and d is what y lacks.
    let left = DoubleDouble::from(x) * (-DoubleDouble::from(near)).exp();
    DoubleDouble::from(near) + (left + DoubleDouble::from(-1.0))
}

/// Numbers of all magnitudes, and as many near 1.
fn numbers(count: usize) -> Vec<f64> {
    let mut random = Random(8);
    let mut of = |low: f64, high: f64| random.uniform(low, high);
    (0..count)
        .map(|i| match i % 4 {
            0 => of(-1000.0, 1000.0).exp2(),
            1 => of(-40.0, 40.0).exp2(),
            2 => of(0.5, 2.0),
            _ => 1.0 + of(-25.0, -1.0).exp2() * if i % 8 == 3 { 1.0 } else { -1.0 },
        })
        .collect()
}

#[test]
fn logarithms_are_within_the_promised_error() {
    let x = numbers(80_000);
    for isa in sets() {
        let mut worst = 0.0_f64;
        for (&x, found) in x.iter().zip(evaluate(isa, Of::Ln, &x)) {
            let error = (DoubleDouble::from(found) + -exact_ln(x)).high().abs();
            worst = worst.max(error / (5e-16 + 3e-16 * x.ln().abs()));
        }
        println!("{isa:?}: {worst:.3} of the promised error");
        assert!(worst <= 1.0, "{isa:?}: {worst}");
    }
}

#[test]
fn terms_of_relative_entropy_are_within_the_promised_error() {
    let mut random = Random(9);
    let u: Vec<f64> = (0..80_000)
        .map(|i| match i % 5 {
            0 => random.uniform(-1.0, 1.0),
            1 => random.uniform(-0.2, 0.2),
            2 => random.uniform(-60.0, -1.0).exp2(),
            3 => -random.uniform(-60.0, -1.0).exp2(),
            _ => random.uniform(0.0, 900.0).exp2(),
        })
        .collect();
    let one = DoubleDouble::from(1.0);
    for isa in sets() {
        let mut worst = (0.0, 0.0);
        for (&u, found) in u.iter().zip(evaluate(isa, Of::RelativeEntropy, &u)) {
            let exact = if u.abs() < 1e-2 {
                // u^2 / 2 - u^3 / 6 + u^4 / 12 - ..
                let sum = (2..12).rev().fold(0.0, |sum, k| {
                    let k = f64::from(k);
                    1.0 / (k * (k - 1.0)) - u * sum
                });
                u * u * sum
            } else {
                let ratio = one + DoubleDouble::from(u);
                // The logarithm of its high part, and the first order of the low one.
                let low = (ratio + DoubleDouble::from(-ratio.high())).high();
                let ln = exact_ln(ratio.high()) + DoubleDouble::from(low / ratio.high());
                (ratio * ln + DoubleDouble::from(-u)).high()
            };
            let error = (found / exact - 1.0).abs();
            worst = if error > worst.0 { (error, u) } else { worst };
        }
        println!("{isa:?}: {:e} at {}", worst.0, worst.1);
        assert!(worst.0 <= 2e-13, "{isa:?}: {:e} at {}", worst.0, worst.1);
    }
}

#[test]
fn the_ends_of_the_range() {
    let least = f64::MIN_POSITIVE;
    for isa in sets() {
        let low = [least, 5e-324, 0.0, -0.0, -1.0, 1e-310, least, least];
        let found = evaluate(isa, Of::Ln, &low);
        assert!(found.iter().all(|&ln| (ln / least.ln() - 1.0).abs() < 1e-15), "{found:?}");
        let high = evaluate(isa, Of::Ln, &[1022.0_f64.exp2(); 8]);
        assert!(high.iter().all(|&ln| (ln / (1022.0_f64.exp2().ln()) - 1.0).abs() < 1e-15));
        let terms = [0.0, -0.0, -1.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        assert_eq!(
            evaluate(isa, Of::RelativeEntropy, &terms),
            [0., 0., 1., 0., 0., 0., 0., 0.]
        );
    }
}

#[test]
fn eighths_bring_numbers_near_one() {
    let mut x = numbers(80_000);
    // Next to the places where one eighth turns into the next.
    x.extend((0..1 << 14).map(|i| f64::from_bits((1023 << 52) + (i << 40) - (1 << 39))));
    for isa in sets() {
        for (&x, place) in x.iter().zip(evaluate(isa, Of::Eighths, &x)) {
            let exponent = place - 1.5 * 2.0_f64.powi(49) - 1023.0;
            assert_eq!((8.0 * exponent).fract(), 0.0, "{isa:?}: {x}");
            let apart = (x / exponent.exp2() - 1.0).abs();
            assert!(apart <= 0.071, "{isa:?}: {x} {apart}");
        }
    }
}

#[test]
fn avx2_and_avx512_give_the_same_bits() {
    let mut random = Random(10);
    let any: Vec<f64> = (0..1 << 16)
        .map(|_| f64::from_bits(random.bits() >> 1))
        .filter(|x| *x < 1e300)
        .collect();
    let x = [numbers(1 << 16), any[..any.len() / 8 * 8].to_vec()].concat();
    let fused: Vec<Isa> = sets().into_iter().filter(|isa| *isa != Isa::Portable).collect();
    for pair in fused.windows(2) {
        for of in [Of::Ln, Of::RelativeEntropy, Of::Eighths] {
            let [a, b] = [0, 1].map(|i| evaluate(pair[i], of, &x));
            let differ = (0..x.len()).find(|&i| a[i].to_bits() != b[i].to_bits());
            assert_eq!(differ.map(|i| x[i]), None, "{of:?}");
        }
    }
}
