//! Weights in units of the last place, on every instruction set.

use super::exp2::{Exp2, Weigher};
use crate::simd::tests::{Float, Random, sets, store};
use crate::simd::{Isa, Kernel, Lanes, Simd};

mod double_double;
mod excess;
mod log;

use double_double::DoubleDouble;

const LOG2_E: f64 = std::f64::consts::LOG2_E;

/// `2^(x * rate - reference)` of all `x`, a whole number of registers: each as a
/// weight, or as what is added to a sum of 0.
struct Weigh<'a, T, const EXACT: bool> {
    x: &'a [T],
    rate: f64,
    reference: f64,
    adds: bool,
}

impl<T: Float, const EXACT: bool> Kernel for Weigh<'_, T, EXACT> {
    type Output = Vec<T>;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Vec<T> {
        let len = T::Register::<S>::LEN;
        let weigher = Weigher::<T::Register<S>>::new(simd, self.rate, self.reference);
        let mut weights = self.x.to_vec();
        assert_eq!(self.x.len() % len, 0, "whole registers");
        for (out, x) in weights.chunks_exact_mut(len).zip(self.x.chunks_exact(len)) {
            let x = T::load(simd, x);
            let raised = weigher.raised(x);
            let factors = if self.reference.abs() <= T::NEAR {
                weigher.factors::<EXACT, false, true>(raised, x)
            } else {
                weigher.factors::<EXACT, false, false>(raised, x)
            };
            let weight = if self.adds {
                weigher.add_weight(factors, T::Register::<S>::splat(simd, T::from_f64(0.0)))
            } else {
                weigher.weight(factors)
            };
            store(weight, out);
        }
        weights
    }
}

/// With the exact rate they are added, without it they are weights: as row kernels do.
fn weights<T: Float>(isa: Isa, exact: bool, x: &[T], rate: f64, reference: f64) -> Vec<T> {
    if exact {
        isa.run(Weigh::<T, true> { x, rate, reference, adds: true })
    } else {
        isa.run(Weigh::<T, false> { x, rate, reference, adds: false })
    }
}

/// What the tests know of a float type beyond its arithmetic.
trait Measured: Float {
    /// Distance of `weight` from `2^(x * rate - reference)` in units of its last place.
    fn ulps(weight: Self, x: Self, rate: f64, reference: f64) -> f64;
    /// References at the ends of what fits, and near zero.
    const REFERENCES: [f64; 7];
}

impl Measured for f32 {
    const REFERENCES: [f64; 7] = [0.0, 1.0, -17.0, 1000.0, -4097.0, 131_000.0, -131_000.0];

    /// The library's `exp2` of an `f64` is within 1e-8 of these units.
    #[inline(always)]
    fn ulps(weight: f32, x: f32, rate: f64, reference: f64) -> f64 {
        let exact = f64::from(x).mul_add(rate, -reference).exp2();
        (f64::from(weight) - exact).abs() / unit(exact, 23)
    }
}

impl Measured for f64 {
    const REFERENCES: [f64; 7] = [0.0, 1.0, -17.0, 1e6, -123_456_789.0, 3.5e13, -3.5e13];

    fn ulps(weight: f64, x: f64, rate: f64, reference: f64) -> f64 {
        // Both scaled by 2^512, away from subnormal numbers.
        let exponent = DoubleDouble::product(x, rate) + DoubleDouble::from(512.0 - reference);
        let exact = exponent.exp2();
        let error = DoubleDouble::from(weight * 2.0_f64.powi(512)) + -exact;
        error.high().abs() / unit(exact.high(), 52)
    }
}

/// The last place of a normal number with `mantissa` bits.
fn unit(x: f64, mantissa: i32) -> f64 {
    let exponent = (x.to_bits() >> 52 & 0x7ff) as i32 - 1023;
    2.0_f64.powi(exponent - mantissa)
}

/// Temperatures from sharp to flat, within the plain range of the accumulator.
const TEMPERATURES: [f64; 8] = [1.0, 0.7, 1.3, 0.1, 9.6e-7, 1e-3, 777.0, 1e6];

/// The rate as weights have it: without `EXACT` rounded to the lane type.
fn rate_of<T: Float>(exact: bool, rate: f64) -> f64 {
    if exact { rate } else { T::from_f64(rate).to_f64() }
}

/// Logits whose exponents sweep all that is allowed, evenly, with those next to
/// the turn of an eighth to the next one.
fn sweep<T: Float>(rate: f64, reference: f64, count: usize) -> Vec<T> {
    // Where the last place of a logit is a hundredth, so is that of the cut.
    let (least, most) = (T::LEAST + 0.02, T::HEADROOM);
    let near_turns = (0..(8.0 * (most - least)) as usize).map(|k| {
        let turn = ((8.0 * least).ceil() + k as f64 + 0.5) / 8.0;
        turn.clamp(least, most)
    });
    let even = (0..count).map(|i| least + (most - least) * i as f64 / count as f64);
    let mut x: Vec<T> = even
        .chain(near_turns)
        .map(|exponent| T::from_f64((exponent + reference) / rate))
        .filter(|x| x.to_f64().abs() * rate <= T::LIMIT)
        .collect();
    x.truncate(x.len() / 16 * 16);
    x
}

/// The promise, and what the sets keep whose operations round once and whose
/// table is exact.
fn bound<T: Exp2>(isa: Isa) -> f64 {
    if isa == Isa::Portable { T::MAX_ULP } else { T::MAX_ULP.min(2.0) }
}

/// The largest error there is, and where.
fn worst<T: Measured>(isa: Isa, exact: bool, count: usize) -> (f64, String) {
    let mut worst = (0.0, String::new());
    for reference in T::REFERENCES {
        for temperature in TEMPERATURES {
            let rate = rate_of::<T>(exact, LOG2_E / temperature);
            let x = sweep::<T>(rate, reference, count);
            let found = weights(isa, exact, &x, rate, reference);
            for (&weight, &x) in found.iter().zip(&x) {
                let ulps = T::ulps(weight, x, rate, reference);
                if ulps > worst.0 {
                    worst = (ulps, format!("{x:?}, rate {rate:e}, reference {reference}"));
                }
            }
        }
    }
    worst
}

#[test]
fn weights_are_within_the_promised_error() {
    for isa in sets() {
        for exact in [true, false] {
            let (single, single_at) = worst::<f32>(isa, exact, 40_000);
            println!("{isa:?}, exact rate {exact}: f32 {single:.4} ulp at {single_at}");
            let (double, double_at) = worst::<f64>(isa, exact, 2_000);
            println!("{isa:?}, exact rate {exact}: f64 {double:.4} ulp at {double_at}");
            assert!(single <= bound::<f32>(isa) && double <= bound::<f64>(isa), "{isa:?}");
        }
    }
}

fn least_and_not_a_number<T: Measured>() {
    for isa in sets() {
        for (reference, exact) in
            T::REFERENCES.into_iter().zip([true, false].into_iter().cycle())
        {
            let rate = rate_of::<T>(exact, LOG2_E / 1.3);
            let floor = T::from_f64((reference + T::LEAST) / rate);
            let away = if floor.to_f64() < 0.0 { -1 } else { 1 };
            let above = T::of_bits(floor.bits().wrapping_add_signed(away));
            let quiet = T::from_f64(f64::NAN);
            let signalling = T::of_bits((quiet.bits() ^ 1 << (T::MANTISSA - 1)) | 1);
            let of = |x: T| weights(isa, exact, &[x; 16], rate, reference);
            let least = of(floor)[0].to_f64();
            assert!((least.log2() - T::LEAST).abs() < 0.1, "{isa:?}: {least}");
            for low in [floor, T::NEG_INFINITY, T::from_f64(-3e38)] {
                assert!(of(low).iter().all(|w| w.to_f64() == least), "{isa:?} {low:?}");
            }
            assert!(of(above).iter().all(|w| w.to_f64() >= least), "{isa:?} {above:?}");
            for nan in [quiet, signalling] {
                assert!(nan.to_f64().is_nan());
                assert!(of(nan).iter().all(|weight| weight.to_f64().is_nan()), "{isa:?}");
            }
        }
    }
}

/// No weight is subnormal, and nothing turns NaN into a number.
#[test]
fn small_weights_are_the_least_and_nan_stays() {
    least_and_not_a_number::<f32>();
    least_and_not_a_number::<f64>();
}

/// What makes whole results independent of the machine, for any bits as input.
fn sets_agree<T: Measured>(rounds: usize) {
    let fused: Vec<Isa> = sets().into_iter().filter(|isa| *isa != Isa::Portable).collect();
    let mut random = Random(6);
    for round in 0..rounds {
        let reference = T::REFERENCES[round % 7] + random.below(50) as f64;
        let rate = LOG2_E / TEMPERATURES[round % 8] * random.uniform(0.5, 1.0);
        let x: Vec<T> = (0..1 << 14)
            .map(|i| match i % 4 {
                // What lies beyond the headroom is for the caller to find out.
                0 => Some(T::of_bits(random.bits()))
                    .filter(|x| {
                        let exponent = x.to_f64() * rate - reference;
                        exponent.is_nan() || exponent <= T::HEADROOM
                    })
                    .unwrap_or(T::NEG_INFINITY),
                _ => T::from_f64((reference + random.uniform(-130.0, 60.0)) / rate),
            })
            .collect();
        for exact in [true, false] {
            let all = fused.iter().map(|&isa| weights(isa, exact, &x, rate, reference));
            let all: Vec<Vec<T>> = all.collect();
            for pair in all.windows(2) {
                let differ = (0..x.len()).find(|&i| pair[0][i].bits() != pair[1][i].bits());
                assert_eq!(differ.map(|i| x[i]), None, "rate {rate}, reference {reference}");
            }
        }
    }
}

#[test]
fn avx2_and_avx512_give_the_same_bits() {
    sets_agree::<f32>(200);
    sets_agree::<f64>(100);
}

/// Minutes of work, for a change of the method or its constants.
#[test]
#[ignore = "goes over all 2^32 bit patterns"]
fn every_f32_is_within_the_promised_error() {
    for isa in sets() {
        for exact in [true, false] {
            let rate = rate_of::<f32>(exact, LOG2_E);
            let mut worst = (0.0, 0.0);
            for high in 0..1 << 16 {
                let block: Vec<f32> =
                    (0..1 << 16).map(|low| f32::from_bits(high << 16 | low)).collect();
                for (weight, x) in
                    weights(isa, exact, &block, rate, 0.0).into_iter().zip(block)
                {
                    let exponent = f64::from(x) * rate;
                    if exponent <= f32::LEAST - 0.01 {
                        assert!(
                            (weight.log2() - f32::LEAST as f32).abs() < 0.1,
                            "{isa:?}: {x}"
                        );
                    } else if x.is_nan() {
                        assert!(weight.is_nan(), "{isa:?}: {:#x}", x.to_bits());
                    } else if (f32::LEAST + 0.01..=f32::HEADROOM).contains(&exponent) {
                        let ulps = f32::ulps(weight, x, rate, 0.0);
                        worst = if ulps > worst.0 { (ulps, x) } else { worst };
                    }
                }
            }
            println!("{isa:?}, exact rate {exact}: {:.4} ulp at {}", worst.0, worst.1);
            assert!(worst.0 <= bound::<f32>(isa));
        }
    }
}
