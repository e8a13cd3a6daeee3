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
struct Weigh<'a, T, const EXACT: bool, const SUMS: bool> {
    x: &'a [T],
    rate: f64,
    reference: f64,
    adds: bool,
}

impl<T: Float, const EXACT: bool, const SUMS: bool> Kernel for Weigh<'_, T, EXACT, SUMS> {
    type Output = Vec<T>;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Vec<T> {
        let len = T::Register::<S>::LEN;
        let weigher = Weigher::<T::Register<S>, SUMS>::new(simd, self.rate, self.reference);
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

/// How weights are made: with the exact rate they are added, without it they are weights, as
/// row kernels do.
#[derive(Clone, Copy, Debug)]
struct Way {
    exact: bool,
    sums: bool,
}

const WAYS: [Way; 4] = [
    Way { exact: true, sums: true },
    Way { exact: false, sums: true },
    Way { exact: true, sums: false },
    Way { exact: false, sums: false },
];

fn weights<T: Float>(isa: Isa, way: Way, x: &[T], rate: f64, reference: f64) -> Vec<T> {
    let adds = way.exact;
    match (way.exact, way.sums) {
        (true, true) => isa.run(Weigh::<T, true, true> { x, rate, reference, adds }),
        (true, false) => isa.run(Weigh::<T, true, false> { x, rate, reference, adds }),
        (false, true) => isa.run(Weigh::<T, false, true> { x, rate, reference, adds }),
        (false, false) => isa.run(Weigh::<T, false, false> { x, rate, reference, adds }),
    }
}

/// What the tests know of a float type beyond its arithmetic.
trait Measured: Float {
    /// Distance of `weight` from `2^(x * rate - reference)` in units of its last place.
    fn ulps(weight: Self, x: Self, rate: f64, reference: f64) -> f64;
    /// References at the ends of what fits, and near zero.
    const REFERENCES: [f64; 7];
    /// Largest errors of weights, and of those in sums, where operations round once and the
    /// table is exact.
    const MAX_ULPS_FUSED: [f64; 2];
}

impl Measured for f32 {
    const REFERENCES: [f64; 7] = [0.0, 1.0, -17.0, 1000.0, -4097.0, 32_700.0, -32_700.0];
    const MAX_ULPS_FUSED: [f64; 2] = [2.0, 5.5];

    /// The library's `exp2` of an `f64` is within 1e-8 of these units.
    #[inline(always)]
    fn ulps(weight: f32, x: f32, rate: f64, reference: f64) -> f64 {
        let exact = f64::from(x).mul_add(rate, -reference).exp2();
        (f64::from(weight) - exact).abs() / unit(exact, 23)
    }
}

impl Measured for f64 {
    const REFERENCES: [f64; 7] = [0.0, 1.0, -17.0, 1e6, -123_456_789.0, 3.5e13, -3.5e13];
    const MAX_ULPS_FUSED: [f64; 2] = [2.0; 2];

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
/// the turn of a step to the next one.
fn sweep<T: Float>(rate: f64, reference: f64, count: usize) -> Vec<T> {
    // Where the last place of a logit is a hundredth, so is that of the cut.
    let (least, most) = (T::LEAST + 0.02, T::HEADROOM);
    let near_turns = (0..(T::STEPS * (most - least)) as usize).map(|k| {
        let turn = ((T::STEPS * least).ceil() + k as f64 + 0.5) / T::STEPS;
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
fn bound<T: Measured>(isa: Isa, way: Way) -> f64 {
    let promised = if way.sums { T::MAX_ULP_IN_SUMS } else { T::MAX_ULP };
    if isa == Isa::Portable { promised } else { T::MAX_ULPS_FUSED[usize::from(way.sums)] }
}

/// The largest error there is, and where.
fn worst<T: Measured>(isa: Isa, way: Way, count: usize) -> (f64, String) {
    let mut worst = (0.0, String::new());
    for reference in T::REFERENCES {
        for temperature in TEMPERATURES {
            let rate = rate_of::<T>(way.exact, LOG2_E / temperature);
            let x = sweep::<T>(rate, reference, count);
            let found = weights(isa, way, &x, rate, reference);
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
        for way in WAYS {
            let (single, single_at) = worst::<f32>(isa, way, 40_000);
            println!("{isa:?}, {way:?}: f32 {single:.4} ulp at {single_at}");
            let (double, double_at) = worst::<f64>(isa, way, 2_000);
            println!("{isa:?}, {way:?}: f64 {double:.4} ulp at {double_at}");
            let bounds = (bound::<f32>(isa, way), bound::<f64>(isa, way));
            assert!(single <= bounds.0 && double <= bounds.1, "{isa:?}, {way:?}");
        }
    }
}

fn least_and_not_a_number<T: Measured>() {
    for isa in sets() {
        for (i, reference) in T::REFERENCES.into_iter().enumerate() {
            let way = WAYS[i % WAYS.len()];
            let rate = rate_of::<T>(way.exact, LOG2_E / 1.3);
            let floor = T::from_f64((reference + T::LEAST) / rate);
            let away = if floor.to_f64() < 0.0 { -1 } else { 1 };
            let above = T::of_bits(floor.bits().wrapping_add_signed(away));
            let quiet = T::from_f64(f64::NAN);
            let signalling = T::of_bits((quiet.bits() ^ 1 << (T::MANTISSA - 1)) | 1);
            let of = |x: T| weights(isa, way, &[x; 16], rate, reference);
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
        for way in WAYS {
            let all = fused.iter().map(|&isa| weights(isa, way, &x, rate, reference));
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
        for way in WAYS {
            let rate = rate_of::<f32>(way.exact, LOG2_E);
            let mut worst = (0.0, 0.0);
            for high in 0..1 << 16 {
                let block: Vec<f32> =
                    (0..1 << 16).map(|low| f32::from_bits(high << 16 | low)).collect();
                for (weight, x) in weights(isa, way, &block, rate, 0.0).into_iter().zip(block)
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
            println!("{isa:?}, {way:?}: {:.4} ulp at {}", worst.0, worst.1);
            assert!(worst.0 <= bound::<f32>(isa, way));
        }
    }
}
