//! Rows of two types, read as elements of a type that holds those of both.

use std::marker::PhantomData;

use crate::element::{Element, ForElement, Real, for_element};
use crate::error::Error;
use crate::row::blocks::{Block, Scratch};
use crate::row::put::Own;
use crate::simd::{Isa, Kernel, Simd};

/// Converts whole elements to another type that holds them exactly.
type Convert = fn(Isa, &[u8], &mut [u8]);

/// The conversion of the type it is run for to `C`; none if that is the same.
struct ConvertTo<C>(PhantomData<C>);

impl<C: Element> ForElement for ConvertTo<C> {
    type Output = Option<Convert>;

    fn run<E: Element>(self) -> Option<Convert> {
        if E::NAME == C::NAME { None } else { Some(converted::<E, C>) }
    }
}

fn converted<E: Element, C: Element>(isa: Isa, from: &[u8], to: &mut [u8]) {
    isa.run(Converted { from, to, elements: PhantomData::<(E, C)> });
}

/// Elements of type `E` as those of a type `C` that holds them: lanes, as they are in memory.
struct Converted<'a, E, C> {
    from: &'a [u8],
    to: &'a mut [u8],
    elements: PhantomData<(E, C)>,
}

impl<E: Element, C: Element> Kernel for Converted<'_, E, C> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { from, to, .. } = self;
        let size = Own::<E>::SIZE;
        let mut lanes = [0; 128];
        for (from, to) in from.chunks(E::PAIR * E::SIZE).zip(to.chunks_mut(E::PAIR * C::SIZE))
        {
            if from.len() == E::PAIR * E::SIZE {
                let pair = E::load_pair(simd, from);
                let pair = if E::INTERLEAVED { E::in_order(simd, pair) } else { pair };
                Own::<E>::store_pair(simd, pair, &mut lanes);
            } else {
                let items = from.chunks_exact(E::SIZE).zip(lanes.chunks_exact_mut(size));
                for (item, lane) in items {
                    E::widen(item).write(lane);
                }
            }
            for (lane, to) in lanes.chunks_exact(size).zip(to.chunks_exact_mut(C::SIZE)) {
                C::Lane::from_f64(Own::<E>::widen(lane).to_f64()).write(to);
            }
        }
    }
}

/// Room for one block in the common type, and how what is not of that type gets there.
pub(crate) struct Common<'a> {
    isa: Isa,
    convert: Option<Convert>,
    room: &'a mut Scratch,
}

impl<'a> Common<'a> {
    /// For elements of the type of that name, to be read as `C`.
    pub(crate) fn new<C: Element>(
        isa: Isa,
        element: &str,
        room: &'a mut Scratch,
    ) -> Result<Self, Error> {
        let convert = for_element(element, ConvertTo::<C>(PhantomData))?;
        Ok(Self { isa, convert, room })
    }

    /// Whether all elements are of the common type.
    pub(super) fn is_own(&self) -> bool {
        self.convert.is_none()
    }

    /// A copy of a block, filled up to whole registers.
    #[inline(always)]
    pub(super) fn copied<C: Element>(&mut self, own: &[u8], at: usize, len: usize) -> &[u8] {
        match self.convert {
            Some(convert) => convert(self.isa, own, self.room),
            None => self.room[..own.len()].copy_from_slice(own),
        }
        Block::padded::<C>(self.room, len, at).bytes
    }
}
