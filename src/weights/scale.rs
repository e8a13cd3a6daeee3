//! Units in which weights are summed: powers of two, which multiply exactly.
//!
//! Weights of ordinary size are summed as they are. Where the largest of a row is so
//! large that sums might overflow, or so small that its neighbours lose bits to
//! underflow, it is brought near 1 first; so the logarithm of a largest weight is small
//! always, and a sum of `w (ln w - ln m)` may be taken apart without losing digits.

/// Exponents of largest weights that are left as they are: with weights 1e-300 of them
/// still normal numbers, and the sums of 2^500 of them finite.
const PLAIN: std::ops::Range<i32> = -24..40;

/// Weights above this one are added up in units of [`HUGE_UNIT`].
pub(crate) const HUGE: f64 = f64::from_bits((900 + 1023) << 52);
const HUGE_EXPONENT: i32 = 200;
/// Sums of so many weights fit.
pub(crate) const HUGE_UNIT: f64 = f64::from_bits((1023 - HUGE_EXPONENT as u64) << 52);

/// The exponent of the unit for rows in which `max` is the largest weight; 0 for 0.
pub(crate) fn unit_for(max: f64) -> i32 {
    let exponent = (max.to_bits() >> 52) as i32 - 1023;
    if max == 0.0 || PLAIN.contains(&exponent) { 0 } else { exponent.clamp(-1000, 1023) }
}

/// `x / 2^exponent`, exactly unless it underflows.
#[inline(always)]
pub(crate) fn in_units(x: f64, exponent: i32) -> f64 {
    // In two steps, of which each has a factor that fits.
    let half = exponent / 2;
    x * power(-half) * power(half - exponent)
}

/// `2^exponent`, a normal number.
#[inline(always)]
pub(crate) fn power(exponent: i32) -> f64 {
    f64::from_bits(((exponent.clamp(-1022, 1023) + 1023) as u64) << 52)
}

/// A sum in units of `2^exponent`, of weights and of [`HUGE`] ones in their own unit.
pub(crate) fn total(sum: f64, huge: f64, exponent: i32) -> f64 {
    in_units(sum, exponent) + in_units(huge, exponent - HUGE_EXPONENT)
}
