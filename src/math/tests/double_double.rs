//! Numbers of about 106 bits, as unevaluated sums of two `f64` (Dekker 1971),
//! with as much arithmetic as an exponential takes.

use std::ops::{Add, Mul, Neg};

/// `high + low`, with `low` at most half a last place of `high`.
#[derive(Clone, Copy, Debug)]
pub(super) struct DoubleDouble {
    high: f64,
    low: f64,
}

impl From<f64> for DoubleDouble {
    fn from(high: f64) -> Self {
        Self { high, low: 0.0 }
    }
}

impl DoubleDouble {
    /// `ln 2`.
    const LN_2: Self = Self { high: std::f64::consts::LN_2, low: 2.319_046_813_846_299_6e-17 };

    /// `e^self`, to within 2e-32, relative, of arguments in [-700, 700].
    pub(super) fn exp(self) -> Self {
        let log2_e = Self { high: std::f64::consts::LOG2_E, low: 2.035_527_374_093_103e-17 };
        (self * log2_e).exp2()
    }

    /// `a + b`, without an error.
    fn sum(a: f64, b: f64) -> Self {
        let high = a + b;
        let b_part = high - a;
        Self { high, low: (a - (high - b_part)) + (b - b_part) }
    }

    /// `a * b`, without an error.
    pub(super) fn product(a: f64, b: f64) -> Self {
        let high = a * b;
        Self { high, low: a.mul_add(b, -high) }
    }

    /// The value, rounded.
    pub(super) fn high(self) -> f64 {
        self.high
    }

    /// A sum of parts that may be of any size.
    fn normalized(high: f64, low: f64) -> Self {
        Self::sum(high, low)
    }

    fn divided(self, by: f64) -> Self {
        let quotient = self.high / by;
        let rest = self + -Self::product(quotient, by);
        Self::normalized(quotient, rest.high / by)
    }

    /// `2^self`, by Taylor's series of the fraction; the exponent of the result
    /// must be that of a normal number.
    pub(super) fn exp2(self) -> Self {
        let whole = self.high.round();
        let y = (self + Self::from(-whole)) * Self::LN_2;
        // 0.35^27 / 27! is below 2^-130.
        let series = (1..=26)
            .rev()
            .fold(Self::from(1.0), |sum, k| Self::from(1.0) + (sum * y).divided(f64::from(k)));
        let scale = 2.0_f64.powi(whole as i32);
        Self { high: series.high * scale, low: series.low * scale }
    }
}

impl Add for DoubleDouble {
    type Output = Self;

    fn add(self, b: Self) -> Self {
        let high = Self::sum(self.high, b.high);
        let low = Self::sum(self.low, b.low);
        let middle = Self::normalized(high.high, high.low + low.high);
        Self::normalized(middle.high, middle.low + low.low)
    }
}

impl Neg for DoubleDouble {
    type Output = Self;

    fn neg(self) -> Self {
        Self { high: -self.high, low: -self.low }
    }
}

impl Mul for DoubleDouble {
    type Output = Self;

    fn mul(self, b: Self) -> Self {
        let product = Self::product(self.high, b.high);
        Self::normalized(product.high, product.low + (self.high * b.low + self.low * b.high))
    }
}
