//! The polynomials against their functions, on every instruction set.

use crate::math::excess::{Excess, atanh_excess, excess};
use crate::simd::tests::{Float, sets, store};
use crate::simd::{Kernel, Lanes, Simd};

/// Largest `s^2` of `atanh_excess`.
const LIMIT: f64 = 0.2145;

/// One of the polynomials at all `x`, a whole number of registers.
struct Evaluate<'a, T> {
    x: &'a [T],
    atanh: bool,
}

impl<T: Float> Kernel for Evaluate<'_, T> {
    type Output = Vec<T>;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Vec<T> {
        let len = T::Register::<S>::LEN;
        let mut values = self.x.to_vec();
        for (out, x) in values.chunks_exact_mut(len).zip(self.x.chunks_exact(len)) {
            let x = T::load(simd, x);
            let value = if self.atanh { atanh_excess(simd, x) } else { excess(simd, x) };
            store(value, out);
        }
        values
    }
}

/// `sum of c(k) x^k`: the series of both converge fast in their ranges.
fn series(x: f64, c: impl Fn(u32) -> f64) -> f64 {
    (0..60).rev().fold(0.0, |sum, k| sum * x + c(k))
}

fn worst<T: Float>(least: f64, most: f64, atanh: bool) -> f64 {
    let step = (most - least) / 65535.0;
    let x: Vec<T> = (0..65536).map(|i| T::from_f64(least + step * f64::from(i))).collect();
    let mut worst = 0.0_f64;
    for isa in sets() {
        for (&x, found) in x.iter().zip(isa.run(Evaluate { x: &x, atanh })) {
            let exact = if atanh {
                series(x.to_f64(), |k| 1.0 / f64::from(2 * k + 3))
            } else {
                let factorial = |n: u32| (2..=n).map(f64::from).product::<f64>();
                series(-x.to_f64(), |k| 1.0 / factorial(k + 2))
            };
            worst = worst.max((found.to_f64() / exact - 1.0).abs());
        }
    }
    worst
}

fn within_the_promised_error<T: Float + Excess>() {
    for (least, most, atanh) in [(-1.0, 1.0, false), (0.0, LIMIT, true)] {
        let error = worst::<T>(least, most, atanh);
        println!("atanh {atanh}: {error:e}");
        assert!(error <= T::ERROR, "atanh {atanh}: {error:e}");
    }
}

#[test]
fn polynomials_are_within_the_promised_error() {
    within_the_promised_error::<f32>();
    within_the_promised_error::<f64>();
}
