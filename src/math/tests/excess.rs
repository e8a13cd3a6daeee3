//! The polynomials against their functions, on every instruction set.

use crate::math::excess::{Excess, atanh_excess, excess, wide_excess};
use crate::math::jensen_shannon::{JensenShannon, even, mixed};
use crate::math::narrow::{NARROW, Narrow, NarrowTerms};
use crate::simd::tests::{Float, sets, store};
use crate::simd::{Kernel, Lanes, Simd};

/// Largest `s^2` of `atanh_excess`.
const LIMIT: f64 = 0.2145;

#[derive(Clone, Copy, Debug)]
enum Function {
    Excess,
    WideExcess,
    KlShape,
    JsShare,
    Atanh,
    Even,
    Mixed,
}

impl Function {
    fn exact<T: Narrow>(self, x: f64) -> f64 {
        let factorial = |n: u32| (2..=n).map(f64::from).product::<f64>();
        match self {
            Function::Excess | Function::WideExcess => series(-x, |k| 1.0 / factorial(k + 2)),
            Function::KlShape => Function::Excess.exact::<T>(x * T::UNIT) / T::KL_LEADING,
            Function::JsShare => {
                let r = x * T::UNIT;
                let of_mixture = Function::Even.exact::<T>(r * r);
                let mixture = 1.0 + 0.5 * (-r).exp_m1();
                mixture * of_mixture / Function::Excess.exact::<T>(r)
            }
            Function::Atanh => series(x, |k| 1.0 / f64::from(2 * k + 3)),
            Function::Even if x == 0.0 => 0.125,
            Function::Even => {
                let s = x.sqrt() / 2.0;
                (s * s.tanh() - (2.0 * (s / 2.0).sinh().powi(2)).ln_1p()) / x
            }
            Function::Mixed => (1.0 + x) * (std::f64::consts::LN_2 - x.ln_1p()),
        }
    }
}

/// One of the polynomials at all `x`, a whole number of registers.
struct Evaluate<'a, T> {
    x: &'a [T],
    function: Function,
}

impl<T: Float> Kernel for Evaluate<'_, T> {
    type Output = Vec<T>;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Vec<T> {
        let len = T::Register::<S>::LEN;
        let narrow = NarrowTerms::new(simd);
        let mut values = self.x.to_vec();
        for (out, x) in values.chunks_exact_mut(len).zip(self.x.chunks_exact(len)) {
            let x = T::load(simd, x);
            let value = match self.function {
                Function::Excess => excess(simd, x),
                Function::WideExcess => wide_excess(simd, x, x.mul(x)),
                Function::KlShape => narrow.kl_shape(x, x.mul(x)),
                Function::JsShare => narrow.js_share(x, x.mul(x)),
                Function::Atanh => atanh_excess(simd, x),
                Function::Even => even(simd, x),
                Function::Mixed => mixed(simd, x),
            };
            store(value, out);
        }
        values
    }
}

/// `sum of c(k) x^k`: the series of both converge fast in their ranges.
fn series(x: f64, c: impl Fn(u32) -> f64) -> f64 {
    (0..60).rev().fold(0.0, |sum, k| sum * x + c(k))
}

fn worst<T: Float + Narrow>(least: f64, most: f64, function: Function) -> f64 {
    let step = (most - least) / 65535.0;
    let x: Vec<T> = (0..65536).map(|i| T::from_f64(least + step * f64::from(i))).collect();
    let mut worst = 0.0_f64;
    for isa in sets() {
        for (&x, found) in x.iter().zip(isa.run(Evaluate { x: &x, function })) {
            let exact = function.exact::<T>(x.to_f64());
            worst = worst.max((found.to_f64() / exact - 1.0).abs());
        }
    }
    worst
}

fn within_the_promised_error<T: Float + Excess + JensenShannon + Narrow>() {
    let domain = <T as Excess>::DOMAIN;
    let narrow = NARROW / T::UNIT.abs();
    for (least, most, function, promised) in [
        (-1.0, 1.0, Function::Excess, <T as Excess>::ERROR),
        (-domain, domain, Function::WideExcess, <T as Excess>::ERROR),
        (-narrow, narrow, Function::KlShape, <T as Narrow>::ERROR),
        (-narrow, narrow, Function::JsShare, <T as Narrow>::ERROR),
        (0.0, LIMIT, Function::Atanh, <T as Excess>::ERROR),
        (0.0, domain * domain, Function::Even, <T as JensenShannon>::ERROR),
        (0.0, (-domain).exp(), Function::Mixed, <T as JensenShannon>::ERROR),
    ] {
        let error = worst::<T>(least, most, function);
        println!("{function:?}: {error:e}");
        assert!(error <= promised, "{function:?}: {error:e}");
    }
}

#[test]
fn polynomials_are_within_the_promised_error() {
    within_the_promised_error::<f32>();
    within_the_promised_error::<f64>();
}
