//! The operations against plain arithmetic, on every instruction set that this
//! machine has; and what the tests of other folders need for the same.

/// Defines a test that runs compiled for every set, with `f32` and with `f64`.
macro_rules! on_every_register {
    ($(#[$doc:meta])* fn $name:ident<$set:ident, $float:ident: $bound:ident>($simd:ident, $isa:ident) $body:block) => {
        $(#[$doc])*
        #[test]
        fn $name() {
            struct Check<T>(Isa, PhantomData<T>);
            impl<$float: $bound> Kernel for Check<$float> {
                type Output = ();
                #[inline(always)]
                fn run<$set: Simd>(self, $simd: $set) {
                    let $isa = self.0;
                    $body
                }
            }
            for isa in sets() {
                isa.run(Check::<f32>(isa, PhantomData));
                isa.run(Check::<f64>(isa, PhantomData));
            }
        }
    };
}

mod loads;
mod operations;
mod powers;
mod strided;

use std::fmt::Debug;
use std::io::Write;
use std::ops::{Add, Mul, Sub};
use std::sync::Once;

use super::{Isa, Lanes, Simd};
use crate::element::Real;

/// The sets to test on. Says once which ones these are, past the harness, which
/// keeps the output of successful tests to itself: a set that is absent must not
/// look tested.
pub(crate) fn sets() -> Vec<Isa> {
    static SAID: Once = Once::new();
    let found = Isa::available();
    SAID.call_once(|| {
        let with_code: &[Isa] = if cfg!(target_arch = "x86_64") {
            &[Isa::Portable, Isa::Avx2, Isa::Avx512]
        } else {
            &[Isa::Portable]
        };
        let mut report = String::from("\ninstruction sets:");
        for isa in with_code {
            let state =
                if found.contains(isa) { "tested" } else { "NOT TESTED, not on this machine" };
            report += &format!(" {} ({state})", isa.name());
        }
        writeln!(std::io::stderr(), "{report}").expect("standard error takes a line");
    });
    found
}

/// A float type of lanes, with the plain arithmetic to compare with.
pub(crate) trait Float:
    Real + Debug + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self>
{
    type Register<S: Simd>: Lanes<Simd = S, Scalar = Self>;
    /// Bits of the mantissa that are stored.
    const MANTISSA: u32;
    /// Zeros, infinities, NaN, the ends of the range, and ordinary numbers.
    const SPECIAL: [Self; 16];
    /// A register of `Register::LEN` values.
    fn load<S: Simd>(simd: S, values: &[Self]) -> Self::Register<S>;
    fn bits(self) -> u64;
    fn of_bits(bits: u64) -> Self;
    /// `self * b + c`, rounded once.
    fn fused(self, b: Self, c: Self) -> Self;
    /// `self / b`
    fn over(self, b: Self) -> Self;
}

macro_rules! float {
    ($float:ident, $bits:ident, $register:ident, $load:ident, $subnormal:literal) => {
        impl Float for $float {
            type Register<S: Simd> = S::$register;
            const MANTISSA: u32 = $float::MANTISSA_DIGITS - 1;
            const SPECIAL: [Self; 16] = [
                0.0,
                -0.0,
                1.0,
                -1.0,
                1.5,
                -2.75,
                7.0,
                1e-3,
                $float::INFINITY,
                $float::NEG_INFINITY,
                $float::NAN,
                $float::MAX,
                $float::MIN,
                $float::MIN_POSITIVE,
                $subnormal,
                $float::EPSILON,
            ];

            #[inline(always)]
            fn load<S: Simd>(simd: S, values: &[Self]) -> S::$register {
                let mut bytes = [0; 128];
                for (cell, value) in bytes.chunks_exact_mut(size_of::<Self>()).zip(values) {
                    cell.copy_from_slice(&value.to_ne_bytes());
                }
                simd.$load(&bytes)[0]
            }
            fn bits(self) -> u64 {
                self.to_bits().into()
            }
            fn of_bits(bits: u64) -> Self {
                Self::from_bits(bits as $bits)
            }
            fn fused(self, b: Self, c: Self) -> Self {
                self.mul_add(b, c)
            }

            fn over(self, b: Self) -> Self {
                self / b
            }
        }
    };
}
float!(f32, u32, F32, load_f32, 1e-45);
float!(f64, u64, F64, load_f64, 5e-324);

/// Writes the lanes of a register, the first one first.
#[inline(always)]
pub(crate) fn store<V: Lanes<Scalar: Float>>(register: V, out: &mut [V::Scalar]) {
    assert_eq!(size_of::<V>(), size_of::<V::Scalar>() * V::LEN);
    // SAFETY: every register is one or two vectors, or an array, of `LEN` lanes
    // and nothing else, by the assertion. Any bits are a value of the lane type.
    // That low lanes come first is what the tests of the loads see.
    let lanes = unsafe { std::slice::from_raw_parts((&raw const register).cast(), V::LEN) };
    out.copy_from_slice(lanes);
}

/// The lanes of a register.
pub(crate) fn lanes<V: Lanes<Scalar: Float>>(register: V) -> Vec<V::Scalar> {
    let mut out = vec![V::Scalar::NEG_INFINITY; V::LEN];
    store(register, &mut out);
    out
}

/// Whether two results are the same: in all bits, or both NaN.
pub(crate) fn same<T: Float>(a: T, b: T) -> bool {
    a.bits() == b.bits() || a.to_f64().is_nan() && b.to_f64().is_nan()
}

/// Distance of two finite numbers of one sign, in units of the last place.
pub(crate) fn steps<T: Float>(a: T, b: T) -> u64 {
    a.bits().abs_diff(b.bits())
}

/// Reproducible random numbers (SplitMix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// Uniform in `low..high`.
    pub(crate) fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * (self.bits() >> 11) as f64 * 2.0_f64.powi(-53)
    }

    /// Of the normal distribution (Box and Muller).
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.uniform(f64::MIN_POSITIVE, 1.0).ln()).sqrt();
        radius * self.uniform(0.0, std::f64::consts::TAU).cos()
    }

    /// A whole number in `0..end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.uniform(0.0, end as f64) as usize
    }
}
