//! Two registers in step: each operation is done to both, one right after the other.
//!
//! A processor looks only so far ahead, and a compiler keeps much of the order of the source.
//! Where a register's chain of operations is long, the next register's is out of sight until
//! most of the first is done; in step, two chains are in sight from the start. The loop over
//! the terms of JS takes 55 microseconds for a pair of rows of 128,256 so, in place of 60
//! (Zen 4, AVX-512), that over the moments of a row a fiftieth less. Registers of AVX2 are two of
//! the machine's anyway.

use super::Lanes;

/// Both, the first one's lanes first.
#[derive(Clone, Copy)]
pub(crate) struct Two<V>(pub(crate) [V; 2]);

impl<V: Copy> Two<V> {
    /// The same twice.
    #[inline(always)]
    pub(crate) fn of(register: V) -> Self {
        Self([register; 2])
    }
}

/// One register, or two in step, of which sums have but one.
pub(crate) trait InStep<V: Lanes>: Lanes<Simd = V::Simd, Scalar = V::Scalar> {
    /// The sum of both.
    fn joined(self) -> V;
    /// `sum + self`
    fn add_to(self, sum: V) -> V;
    /// `sum + self`, in the lanes of `mask`.
    fn add_some_to(self, mask: Self::Mask, sum: V) -> V;
    /// `sum + self * b`
    fn mul_add_to(self, b: Self, sum: V) -> V;
}

impl<V: Lanes> InStep<V> for V {
    #[inline(always)]
    fn joined(self) -> V {
        self
    }
    #[inline(always)]
    fn add_to(self, sum: V) -> V {
        sum.add(self)
    }
    #[inline(always)]
    fn add_some_to(self, mask: V::Mask, sum: V) -> V {
        sum.add(self).choose(mask, sum)
    }
    #[inline(always)]
    fn mul_add_to(self, b: V, sum: V) -> V {
        self.mul_add(b, sum)
    }
}

impl<V: Lanes> InStep<V> for Two<V> {
    #[inline(always)]
    fn joined(self) -> V {
        self.0[0].add(self.0[1])
    }
    #[inline(always)]
    fn add_to(self, sum: V) -> V {
        self.0[1].add_to(self.0[0].add_to(sum))
    }
    #[inline(always)]
    fn add_some_to(self, mask: Self::Mask, sum: V) -> V {
        self.0[1].add_some_to(mask[1], self.0[0].add_some_to(mask[0], sum))
    }
    #[inline(always)]
    fn mul_add_to(self, b: Self, sum: V) -> V {
        self.0[1].mul_add_to(b.0[1], self.0[0].mul_add_to(b.0[0], sum))
    }
}

/// Methods that do the same to both, some of them by one table for both.
macro_rules! in_step {
    ($($name:ident($($other:ident),* $(; $powers:ident)?);)*) => {$(
        #[inline(always)]
        fn $name(self $(, $other: Self)* $(, $powers: V::Powers)?) -> Self {
            Self([
                self.0[0].$name($($other.0[0],)* $($powers)?),
                self.0[1].$name($($other.0[1],)* $($powers)?),
            ])
        }
    )*};
}

impl<V: Lanes> Lanes for Two<V> {
    type Simd = V::Simd;
    type Scalar = V::Scalar;
    type Mask = [V::Mask; 2];
    type Counter = [V::Counter; 2];
    type Powers = V::Powers;
    const LEN: usize = 2 * V::LEN;
    const SATURATES: bool = V::SATURATES;

    in_step! {
        add(b);
        sub(b);
        mul(b);
        div(b);
        mul_add(b, c);
        fused_mul_sub(b, c);
        max(acc);
        min(acc);
        abs();
        power_of_eighths();
        power_of_steps();
        saturating_power_of_eighths(eighths; powers);
        saturating_power_of_steps(exponent; powers);
    }

    #[inline(always)]
    fn splat(simd: V::Simd, value: V::Scalar) -> Self {
        Self([V::splat(simd, value); 2])
    }
    #[inline(always)]
    fn scaled_eighths(simd: V::Simd, scale: V::Scalar) -> V::Powers {
        V::scaled_eighths(simd, scale)
    }
    #[inline(always)]
    fn scaled_steps(simd: V::Simd, scale: V::Scalar) -> V::Powers {
        V::scaled_steps(simd, scale)
    }
    #[inline(always)]
    fn not_ge(self, bound: Self) -> Self::Mask {
        [self.0[0].not_ge(bound.0[0]), self.0[1].not_ge(bound.0[1])]
    }
    #[inline(always)]
    fn keep(self, mask: Self::Mask) -> Self {
        Self([self.0[0].keep(mask[0]), self.0[1].keep(mask[1])])
    }
    #[inline(always)]
    fn choose(self, mask: Self::Mask, other: Self) -> Self {
        let [a, b] = self.0;
        Self([a.choose(mask[0], other.0[0]), b.choose(mask[1], other.0[1])])
    }
    #[inline(always)]
    fn any_ge(self, bound: Self) -> bool {
        self.0[0].any_ge(bound.0[0]) || self.0[1].any_ge(bound.0[1])
    }
    #[inline(always)]
    fn any_not_lt(self, bound: Self) -> bool {
        self.0[0].any_not_lt(bound.0[0]) || self.0[1].any_not_lt(bound.0[1])
    }
    #[inline(always)]
    fn any_nan(self) -> bool {
        self.0[0].any_nan() || self.0[1].any_nan()
    }
    #[inline(always)]
    fn bits_eq(self, bound: Self) -> u32 {
        self.0[0].bits_eq(bound.0[0]) | self.0[1].bits_eq(bound.0[1]) << V::LEN
    }
    #[inline(always)]
    fn bits_gt(self, bound: Self) -> u32 {
        self.0[0].bits_gt(bound.0[0]) | self.0[1].bits_gt(bound.0[1]) << V::LEN
    }
    #[inline(always)]
    fn counter(simd: V::Simd) -> Self::Counter {
        [V::counter(simd); 2]
    }
    #[inline(always)]
    fn count_gt(self, bound: Self, counter: Self::Counter) -> Self::Counter {
        let [a, b] = self.0;
        [a.count_gt(bound.0[0], counter[0]), b.count_gt(bound.0[1], counter[1])]
    }
    #[inline(always)]
    fn counted(counter: Self::Counter) -> u64 {
        V::counted(counter[0]) + V::counted(counter[1])
    }
    #[inline(always)]
    fn sum(self) -> f64 {
        self.0[0].add(self.0[1]).sum()
    }
    #[inline(always)]
    fn largest(self) -> V::Scalar {
        self.0[0].max(self.0[1]).largest()
    }
}
