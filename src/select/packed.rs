//! Logits and their indices as whole numbers in the order of the selection.

use crate::element::Real;

/// Logits in the order of their numbers; NaN beyond the infinities.
pub trait Ordered: Copy {
    /// Larger for larger numbers, one more for the next number. That of -0 is one below
    /// that of 0.
    fn place(self) -> u64;
    /// Places in a thirty-second of a power of two.
    const STRIDE: u64;
    /// Undoes `place`.
    fn at_place(place: u64) -> Self;
}

macro_rules! ordered {
    ($float:ident, $bits:ident) => {
        impl Ordered for $float {
            const STRIDE: u64 = 1 << ($float::MANTISSA_DIGITS - 1 - 5);
            #[inline(always)]
            fn place(self) -> u64 {
                let bits = self.to_bits();
                let sign = 1 << ($bits::BITS - 1);
                u64::from(if bits & sign == 0 { bits | sign } else { !bits })
            }
            #[inline(always)]
            fn at_place(place: u64) -> Self {
                let place = place as $bits;
                let sign = 1 << ($bits::BITS - 1);
                Self::from_bits(if place & sign == 0 { !place } else { place & !sign })
            }
        }
    };
}
ordered!(f32, u32);
ordered!(f64, u64);

/// A logit and its index in one number, smaller for what comes first.
pub trait Packed: Ord + Copy + Default + Send + std::fmt::Debug {
    /// The type of the logit.
    type Logit: Real;
    /// -0 counts as 0.
    fn new(x: Self::Logit, index: u32) -> Self;
    /// The part that stands for the logit.
    fn descent(self) -> u64;
    /// The logit; 0 for -0.
    fn value(self) -> Self::Logit;
    /// The index.
    fn index(self) -> u32;
}

macro_rules! packed {
    ($packed:ident, $float:ident, $bits:ident) => {
        impl Packed for $packed {
            type Logit = $float;
            #[inline(always)]
            fn new(x: $float, index: u32) -> Self {
                let descent = !((x + 0.0).place() as $bits);
                $packed::from(descent) << 32 | $packed::from(index)
            }
            #[inline(always)]
            fn descent(self) -> u64 {
                u64::from((self >> 32) as $bits)
            }
            #[inline(always)]
            fn value(self) -> $float {
                $float::at_place(u64::from(!((self >> 32) as $bits)))
            }
            #[inline(always)]
            fn index(self) -> u32 {
                self as u32
            }
        }
    };
}
packed!(u64, f32, u32);
packed!(u128, f64, u64);
