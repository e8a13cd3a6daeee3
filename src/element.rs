//! The element types of logit arrays, and the float type each is computed in.

use crate::error::Error;
use crate::math::excess::Excess;
use crate::math::exp2::Exp2;
use crate::math::jensen_shannon::JensenShannon;
use crate::math::narrow::Narrow;
use crate::select::packed::{Ordered, Packed};
use crate::simd::portable::{widen_bf16, widen_f16};
use crate::simd::{Lanes, Simd};

/// The float types that lanes have.
pub trait Real:
    Exp2 + Excess + JensenShannon + Narrow + Ordered + Copy + PartialOrd + Send + Sync + 'static
{
    /// A virtual register of them.
    type Vector<S: Simd>: Lanes<Simd = S, Scalar = Self>;
    /// The element type that holds them as they are.
    type Own: Element<Lane = Self>;
    /// One of them with its index in a row.
    type Packed: Packed<Logit = Self>;
    /// Smallest value.
    const NEG_INFINITY: Self;
    /// Powers of two up to this one, and its inverse, can be multiplied in.
    const MAX_SCALE: i32;
    /// Distance of 1 and the next larger.
    const EPSILON: f64;
    /// Errors of log-ratios that are this share of them, or less, change no sides.
    const CLOSE: f64;
    /// A relative error of a divergence that can be left in.
    const TOLERANCE: f64;
    /// Exactly.
    fn to_f64(self) -> f64;
    /// Rounded to nearest.
    fn from_f64(x: f64) -> Self;
    /// Its bytes, in native order, to `bytes` (its own).
    fn write(self, bytes: &mut [u8]);
}

impl Real for f32 {
    type Vector<S: Simd> = S::F32;
    type Own = Float32;
    type Packed = u64;
    const NEG_INFINITY: Self = f32::NEG_INFINITY;
    const MAX_SCALE: i32 = 100;
    const EPSILON: f64 = f32::EPSILON as f64;
    const CLOSE: f64 = 1e-4;
    const TOLERANCE: f64 = 5e-7;
    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
    #[inline(always)]
    fn from_f64(x: f64) -> Self {
        x as f32
    }
    #[inline(always)]
    fn write(self, bytes: &mut [u8]) {
        bytes.copy_from_slice(&self.to_ne_bytes());
    }
}

impl Real for f64 {
    type Vector<S: Simd> = S::F64;
    type Own = Float64;
    type Packed = u128;
    const NEG_INFINITY: Self = f64::NEG_INFINITY;
    const MAX_SCALE: i32 = 500;
    const EPSILON: f64 = f64::EPSILON;
    const CLOSE: f64 = 1e-7;
    const TOLERANCE: f64 = 5e-13;
    #[inline(always)]
    fn to_f64(self) -> f64 {
        self
    }
    #[inline(always)]
    fn from_f64(x: f64) -> Self {
        x
    }
    #[inline(always)]
    fn write(self, bytes: &mut [u8]) {
        bytes.copy_from_slice(&self.to_ne_bytes());
    }
}

/// The virtual register that elements are loaded into.
pub type Vector<E, S> = <<E as Element>::Lane as Real>::Vector<S>;

/// A type of logits as they stand in memory. The bytes are in native order.
pub trait Element: Copy + Send + Sync + 'static {
    /// What it is computed in; widening is exact.
    type Lane: Real;
    /// Bytes of one.
    const SIZE: usize;
    /// Name, as Python writes it.
    const NAME: &'static str;
    /// The code of -inf, which fills up the last registers of a row.
    const NEG_INFINITY: &'static [u8];
    /// Elements in the two registers that `load_pair` fills.
    const PAIR: usize;

    /// `PAIR` elements from the start of `bytes`, in the order of the type's load.
    fn load_pair<S: Simd>(simd: S, bytes: &[u8]) -> [Vector<Self, S>; 2];
    /// Whether `load_pair` puts even elements in the first register and odd ones
    /// in the second.
    const INTERLEAVED: bool = false;
    /// The element that `bytes` (its own) hold.
    fn widen(bytes: &[u8]) -> Self::Lane;
    /// The nearest elements to `values`, ties to even, at the start of `bytes`, in the
    /// order of `load_pair`.
    fn store_pair<S: Simd>(simd: S, values: [Vector<Self, S>; 2], bytes: &mut [u8]);
    /// The same around the cache, where that is [possible](Simd::stream_f32).
    #[inline(always)]
    fn stream_pair<S: Simd>(simd: S, values: [Vector<Self, S>; 2], bytes: &mut [u8]) {
        Self::store_pair(simd, values, bytes);
    }
    /// What `load_pair` has loaded, in the order of memory.
    #[inline(always)]
    fn in_order<S: Simd>(_: S, values: [Vector<Self, S>; 2]) -> [Vector<Self, S>; 2] {
        values
    }
}

/// IEEE binary32.
#[derive(Clone, Copy)]
pub struct Float32;
/// IEEE binary16.
#[derive(Clone, Copy)]
pub struct Float16;
/// The upper half of a binary32.
#[derive(Clone, Copy)]
pub struct BFloat16;
/// IEEE binary64.
#[derive(Clone, Copy)]
pub struct Float64;

impl Element for Float32 {
    type Lane = f32;
    const SIZE: usize = 4;
    const NAME: &'static str = "float32";
    const NEG_INFINITY: &'static [u8] = &f32::NEG_INFINITY.to_ne_bytes();
    const PAIR: usize = 32;

    #[inline(always)]
    fn load_pair<S: Simd>(simd: S, bytes: &[u8]) -> [S::F32; 2] {
        simd.load_f32(bytes)
    }
    #[inline(always)]
    fn widen(bytes: &[u8]) -> f32 {
        f32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
    }
    #[inline(always)]
    fn store_pair<S: Simd>(simd: S, values: [S::F32; 2], bytes: &mut [u8]) {
        simd.store_f32(values, bytes);
    }
    #[inline(always)]
    fn stream_pair<S: Simd>(simd: S, values: [S::F32; 2], bytes: &mut [u8]) {
        simd.stream_f32(values, bytes);
    }
}

impl Element for Float16 {
    type Lane = f32;
    const SIZE: usize = 2;
    const NAME: &'static str = "float16";
    const NEG_INFINITY: &'static [u8] = &0xfc00_u16.to_ne_bytes();
    const PAIR: usize = 32;

    #[inline(always)]
    fn load_pair<S: Simd>(simd: S, bytes: &[u8]) -> [S::F32; 2] {
        simd.load_f16(bytes)
    }
    #[inline(always)]
    fn widen(bytes: &[u8]) -> f32 {
        widen_f16(u16::from_ne_bytes([bytes[0], bytes[1]]))
    }
    #[inline(always)]
    fn store_pair<S: Simd>(simd: S, values: [S::F32; 2], bytes: &mut [u8]) {
        simd.store_f16(values, bytes);
    }
}

impl Element for BFloat16 {
    type Lane = f32;
    const SIZE: usize = 2;
    const NAME: &'static str = "bfloat16";
    const NEG_INFINITY: &'static [u8] = &0xff80_u16.to_ne_bytes();
    const PAIR: usize = 32;
    const INTERLEAVED: bool = true;

    #[inline(always)]
    fn load_pair<S: Simd>(simd: S, bytes: &[u8]) -> [S::F32; 2] {
        simd.load_bf16(bytes)
    }
    #[inline(always)]
    fn widen(bytes: &[u8]) -> f32 {
        widen_bf16(u16::from_ne_bytes([bytes[0], bytes[1]]))
    }
    #[inline(always)]
    fn store_pair<S: Simd>(simd: S, values: [S::F32; 2], bytes: &mut [u8]) {
        simd.store_bf16(values, bytes);
    }
    #[inline(always)]
    fn in_order<S: Simd>(simd: S, values: [S::F32; 2]) -> [S::F32; 2] {
        simd.in_order(values)
    }
}

impl Element for Float64 {
    type Lane = f64;
    const SIZE: usize = 8;
    const NAME: &'static str = "float64";
    const NEG_INFINITY: &'static [u8] = &f64::NEG_INFINITY.to_ne_bytes();
    const PAIR: usize = 16;

    #[inline(always)]
    fn load_pair<S: Simd>(simd: S, bytes: &[u8]) -> [S::F64; 2] {
        simd.load_f64(bytes)
    }
    #[inline(always)]
    fn widen(bytes: &[u8]) -> f64 {
        let mut own = [0; 8];
        own.copy_from_slice(&bytes[..8]);
        f64::from_ne_bytes(own)
    }
    #[inline(always)]
    fn store_pair<S: Simd>(simd: S, values: [S::F64; 2], bytes: &mut [u8]) {
        simd.store_f64(values, bytes);
    }
    #[inline(always)]
    fn stream_pair<S: Simd>(simd: S, values: [S::F64; 2], bytes: &mut [u8]) {
        simd.stream_f64(values, bytes);
    }
}

/// Work that is written over any element type.
pub trait ForElement {
    /// What the work yields.
    type Output;
    /// Does the work for elements of type `E`.
    fn run<E: Element>(self) -> Self::Output;
}

/// Runs `work` for the element type of this name.
pub fn for_element<W: ForElement>(name: &str, work: W) -> Result<W::Output, Error> {
    match name {
        Float32::NAME => Ok(work.run::<Float32>()),
        Float16::NAME => Ok(work.run::<Float16>()),
        BFloat16::NAME => Ok(work.run::<BFloat16>()),
        Float64::NAME => Ok(work.run::<Float64>()),
        _ => Err(Error::UnknownElement(name.into())),
    }
}
