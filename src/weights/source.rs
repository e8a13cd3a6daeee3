//! Rows of weights of any dtype as blocks of `f64`, filled up with zeros to whole
//! registers: a weight of 0 changes nothing.

use std::marker::PhantomData;

use super::scale::in_units;
use crate::element::{BFloat16, Element, Float16, Real};
use crate::error::Error;
use crate::row::blocks::{BLOCK, Scratch};
use crate::simd::strided::StridedRows;
use crate::simd::{Isa, Kernel, Simd};

/// Bytes of the two registers that are loaded together.
pub(crate) const PAIR_BYTES: usize = 128;

/// A type that weights can have, other than `f64`.
trait Weight: 'static {
    const SIZE: usize;
    /// The weight that `bytes` (its own, in native order) hold, rounded to nearest.
    fn widen(bytes: &[u8]) -> f64;
}

macro_rules! weight {
    ($($type:ty)+) => {$(
        impl Weight for $type {
            const SIZE: usize = size_of::<$type>();
            #[inline(always)]
            fn widen(bytes: &[u8]) -> f64 {
                let mut own = [0; size_of::<$type>()];
                own.copy_from_slice(bytes);
                <$type>::from_ne_bytes(own) as f64
            }
        }
    )+};
}
weight!(f32 i8 i16 i32 i64 u8 u16 u32 u64);

impl<E: Element> Weight for E {
    const SIZE: usize = E::SIZE;
    #[inline(always)]
    fn widen(bytes: &[u8]) -> f64 {
        E::widen(bytes).to_f64()
    }
}

/// Converts whole weights.
struct Widen<'a, T> {
    from: &'a [u8],
    to: &'a mut [u8],
    weight: PhantomData<T>,
}

impl<T: Weight> Kernel for Widen<'_, T> {
    type Output = ();

    /// A loop that the compiler vectorises for the set.
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        for (from, to) in self.from.chunks_exact(T::SIZE).zip(self.to.chunks_exact_mut(8)) {
            to.copy_from_slice(&T::widen(from).to_ne_bytes());
        }
    }
}

type Convert = fn(Isa, &[u8], &mut [u8]);

fn widened<T: Weight>(isa: Isa, from: &[u8], to: &mut [u8]) {
    isa.run(Widen::<T> { from, to, weight: PhantomData });
}

/// The size of a type by its name, and its conversion if it is not `f64`.
fn weight_type(name: &str) -> Option<(usize, Option<Convert>)> {
    fn of<T: Weight>() -> Option<(usize, Option<Convert>)> {
        Some((T::SIZE, Some(widened::<T>)))
    }
    match name {
        "float64" => Some((8, None)),
        "float32" => of::<f32>(),
        "float16" => of::<Float16>(),
        "bfloat16" => of::<BFloat16>(),
        "int8" => of::<i8>(),
        "int16" => of::<i16>(),
        "int32" => of::<i32>(),
        "int64" => of::<i64>(),
        "uint8" => of::<u8>(),
        "uint16" => of::<u16>(),
        "uint32" => of::<u32>(),
        "uint64" => of::<u64>(),
        _ => None,
    }
}

/// An array of rows of weights.
#[derive(Debug)]
pub struct Source<'a> {
    rows: StridedRows<'a>,
    convert: Option<Convert>,
}

impl<'a> Source<'a> {
    /// Rows of weights of the type of that name.
    pub fn new(rows: StridedRows<'a>, name: &str) -> Result<Self, Error> {
        let Some((expected, convert)) = weight_type(name) else {
            return Err(Error::UnknownWeightType(name.into()));
        };
        if rows.item_size() != expected {
            let given = rows.item_size();
            return Err(Error::BadWeightSize { name: name.into(), given, expected });
        }
        Ok(Self { rows, convert })
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows.rows()
    }

    /// Length of a row.
    pub(crate) fn outcomes(&self) -> usize {
        self.rows.vocab()
    }

    pub(crate) fn row_bytes(&self) -> usize {
        self.rows.vocab() * self.rows.item_size()
    }

    pub(crate) fn is_contiguous(&self) -> bool {
        self.rows.is_contiguous()
    }

    /// Whether all weights are the same one.
    pub(crate) fn is_one_number(&self) -> bool {
        self.rows.is_one_item()
    }

    /// Brings the blocks at `at` of as many rows as there is `room` for there, if they
    /// cannot be read where they lie.
    pub(crate) fn gather(
        &self,
        first_row: usize,
        at: usize,
        len: usize,
        room: &mut [Scratch],
    ) {
        if !self.is_contiguous() {
            self.rows.gather(first_row, at, len, room);
        }
    }

    /// The block at `at` of a row, which has been gathered.
    pub(crate) fn block<'b>(
        &self,
        isa: Isa,
        row: usize,
        at: usize,
        len: usize,
        gathered: &'b Scratch,
        room: &'b mut Scratch,
    ) -> &'b [u8]
    where
        'a: 'b,
    {
        let size = self.rows.item_size();
        let own = if self.is_contiguous() {
            &self.rows.contiguous_row(row)[at * size..][..len * size]
        } else {
            &gathered[..len * size]
        };
        match self.convert {
            Some(convert) => convert(isa, own, &mut room[..len * 8]),
            None if own.len().is_multiple_of(PAIR_BYTES) => return own,
            None => room[..len * 8].copy_from_slice(own),
        }
        let end = (len * 8).next_multiple_of(PAIR_BYTES);
        room[len * 8..end].fill(0);
        &room[..end]
    }
}

/// A block in units of `2^exponent`.
pub(crate) fn scaled<'a>(block: &'a [u8], exponent: i32, room: &'a mut Scratch) -> &'a [u8] {
    if exponent == 0 {
        return block;
    }
    for (weight, to) in weights(block).zip(room.chunks_exact_mut(8)) {
        to.copy_from_slice(&in_units(weight, exponent).to_ne_bytes());
    }
    &room[..block.len()]
}

/// The weights of a block, one by one.
pub(crate) fn weights(block: &[u8]) -> impl Iterator<Item = f64> {
    block.chunks_exact(8).map(|own| {
        let mut bits = [0; 8];
        bits.copy_from_slice(own);
        f64::from_ne_bytes(bits)
    })
}

/// Memory of one thread, used for group after group of rows.
#[derive(Default)]
pub(crate) struct Buffers {
    /// Of each array, blocks of each row of a group.
    pub(crate) gathered: [Vec<Scratch>; 2],
    /// Blocks of one row: as `f64`, and in units.
    pub(crate) wide: Vec<Scratch>,
    pub(crate) scaled: Vec<Scratch>,
}

impl Buffers {
    pub(crate) fn resize(&mut self, rows: usize) {
        for gathered in &mut self.gathered {
            gathered.resize(rows, [0; BLOCK * 8]);
        }
        self.wide.resize(2, [0; BLOCK * 8]);
        self.scaled.resize(2, [0; BLOCK * 8]);
    }
}
