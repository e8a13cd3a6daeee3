//! The powers that the exponential is made of.

use std::marker::PhantomData;

use super::operations::assert_lanes;
use super::{Float, Random, lanes, sets, steps};
use crate::math::exp2::Exp2;
use crate::simd::{Isa, Kernel, Lanes, Simd, powers};

/// `base^8` in binary, 32 bits a limb, the lowest first.
fn eighth_power(base: u64) -> Vec<u32> {
    let mut power = vec![1];
    for _ in 0..8 {
        let mut product = vec![0_u32; power.len() + 2];
        for (i, &limb) in power.iter().enumerate() {
            let mut carry = 0;
            for (j, part) in [base as u32, (base >> 32) as u32, 0].into_iter().enumerate() {
                if let Some(place) = product.get_mut(i + j) {
                    let sum = u64::from(*place) + u64::from(limb) * u64::from(part) + carry;
                    *place = sum as u32;
                    carry = sum >> 32;
                }
            }
            assert_eq!(carry, 0, "the product has room");
        }
        power = product;
    }
    power
}

fn bit_length(number: &[u32]) -> u32 {
    let used = number.iter().rposition(|&limb| limb != 0).map_or(0, |i| i + 1);
    used as u32 * 32 - number[..used].last().map_or(0, |limb| limb.leading_zeros())
}

/// `2^(i / 8)` correctly rounded, in exact arithmetic: the mantissa `m` with
/// `(2m - 1)^8 < 2^i < (2m + 1)^8`, up to scale.
fn exact_power<T: Float>(i: u32) -> T {
    let one = 1.0_f64;
    let near = T::from_f64((one * f64::from(i) / 8.0).exp2()).bits();
    let exponent = i + 8 * (T::MANTISSA + 1);
    let is_nearest = |bits: &u64| {
        let twice = 2 * (bits & ((1 << T::MANTISSA) - 1) | 1 << T::MANTISSA);
        bit_length(&eighth_power(twice - 1)) <= exponent
            && bit_length(&eighth_power(twice + 1)) > exponent
    };
    let bits = (near - 2..=near + 2)
        .find(|bits| *bits >> T::MANTISSA == near >> T::MANTISSA && is_nearest(bits));
    T::of_bits(bits.expect("a neighbour of the library's result is nearest"))
}

/// The largest distance of `found(k)` from `2^(k / n)`, of which `powers` are those below 2,
/// for all `k` from `least` times `n` on.
fn worst<T: Float>(
    powers: &[T],
    least: i64,
    len: usize,
    found: impl Fn(&[i64]) -> Vec<T>,
) -> u64 {
    let n = powers.len() as i64;
    let bias = (T::from_f64(1.0).bits() >> T::MANTISSA) as i64;
    let mut worst = 0;
    for start in (n * least..n * (bias + 1)).step_by(len) {
        let k: Vec<i64> =
            (start..start + len as i64).map(|k| k.min(n * (bias + 1) - 1)).collect();
        for (k, found) in k.iter().zip(found(&k)) {
            let whole = k.div_euclid(n) << T::MANTISSA;
            let exact = powers[k.rem_euclid(n) as usize].bits().wrapping_add_signed(whole);
            worst = worst.max(steps(found, T::of_bits(exact)));
        }
    }
    worst
}

on_every_register! {
    fn power_of_eighths_for_every_normal_exponent<S, T: Float>(simd, isa) {
        let powers: Vec<T> = (0..8).map(exact_power).collect();
        let least = 1 - (T::from_f64(1.0).bits() >> T::MANTISSA) as i64;
        let worst = worst(&powers, least, T::Register::<S>::LEN, |k| {
            let places: Vec<T> =
                k.iter().map(|&k| T::from_f64(T::MAGIC + k as f64 / 8.0)).collect();
            lanes(T::load(simd, &places).power_of_eighths())
        });
        println!("{isa:?}: powers of eighths within {worst} ulp");
        assert!(worst <= if isa == Isa::Portable { 2 } else { 0 }, "{isa:?}: {worst} ulp");
    }
}

/// On every set the bits of the table, which is what the comment on it says.
#[test]
fn powers_of_short_steps() {
    struct Check(Isa);
    impl Kernel for Check {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            let table: Vec<f32> = (0..32_u32)
                .map(|i| f32::from_bits(powers::STEPS[i as usize] + (i << 18)))
                .collect();
            for (i, &found) in table.iter().enumerate() {
                let exact = f32::LEADING * (i as f64 / f32::STEPS).exp2();
                let error = f64::from(found) / exact - 1.0;
                assert!(error.abs() < 0.79 / f64::from(1 << 24), "{i}: {found}");
            }
            let worst = worst(&table, f32::LEAST as i64, S::F32::LEN, |k| {
                let place = |&k: &i64| (f32::STEPS_MAGIC + k as f64 / f32::STEPS) as f32;
                let places: Vec<f32> = k.iter().map(place).collect();
                lanes(f32::load(simd, &places).power_of_steps())
            });
            assert_eq!(worst, 0, "{:?}", self.0);
        }
    }
    for isa in sets() {
        isa.run(Check(isa));
    }
}

on_every_register! {
    /// The same bits as the plain power, and no garbage beyond the range.
    fn saturating_powers_are_powers_or_infinite<S, T: Float>(simd, isa) {
        let register = |x: f64| T::Register::<S>::splat(simd, T::from_f64(x));
        let mut random = Random(4);
        for round in 0..8000 {
            let steps = round % 2 == 0;
            let reference = random.uniform(-T::NEAR, T::NEAR).round();
            let scale = T::from_f64((-reference).exp2());
            let near = |e: f64| {
                if steps {
                    let place = register(T::STEPS_MAGIC - reference + e);
                    let powers = T::Register::<S>::scaled_steps(simd, scale);
                    (place, place.saturating_power_of_steps(register(e - T::OFFSET), powers))
                } else {
                    let place = register(T::MAGIC - reference + e);
                    let powers = T::Register::<S>::scaled_eighths(simd, scale);
                    (place, place.saturating_power_of_eighths(register(e), powers))
                }
            };
            let n = if steps { T::STEPS } else { 8.0 };
            let mut rounded = |low, high| (random.uniform(low, high) * n).round() / n;
            let (place, found) = near(reference + rounded(T::LEAST, T::HEADROOM));
            let plain =
                lanes(if steps { place.power_of_steps() } else { place.power_of_eighths() });
            assert_lanes(isa, &lanes(found), |i| plain[i]);
            if T::Register::<S>::SATURATES {
                let (_, large) = near(reference + rounded(1030.0, 1e5));
                assert_lanes(isa, &lanes(large), |_| T::from_f64(f64::INFINITY));
                let (_, nan) = near(f64::NAN);
                assert_lanes(isa, &lanes(nan), |_| T::from_f64(f64::NAN));
            }
        }
    }
}
