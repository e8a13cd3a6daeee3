//! Logits that may be among the largest, with their indices.

use std::marker::PhantomData;

use crate::element::{Element, Real};

/// Logits and their indices in the row; the logits as bytes, as registers take them.
#[derive(Clone, Debug)]
pub(crate) struct Candidates<R> {
    values: Vec<u8>,
    indices: Vec<u32>,
    lane: PhantomData<R>,
}

impl<R: Real> Candidates<R> {
    pub(crate) fn new() -> Self {
        Self { values: Vec::new(), indices: Vec::new(), lane: PhantomData }
    }

    pub(crate) fn len(&self) -> usize {
        self.indices.len()
    }

    pub(crate) fn clear(&mut self) {
        self.values.clear();
        self.indices.clear();
    }

    #[inline(always)]
    pub(crate) fn push(&mut self, x: R, index: usize) {
        let mut cell = [0; 8];
        let cell = &mut cell[..R::Own::SIZE];
        x.write(cell);
        self.values.extend_from_slice(cell);
        self.indices.push(index as u32);
    }

    pub(crate) fn append(&mut self, later: &Self) {
        self.values.extend_from_slice(&later.values);
        self.indices.extend_from_slice(&later.indices);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (R, u32)> {
        let values = self.values.chunks_exact(R::Own::SIZE).map(R::Own::widen);
        values.zip(self.indices.iter().copied())
    }

    /// The logits, and behind them as many times -inf as fill up a pair of registers.
    /// Nothing can be pushed any more.
    pub(crate) fn into_padded(mut self) -> (Vec<u8>, Vec<u32>) {
        let len = self.len().next_multiple_of(R::Own::PAIR);
        while self.values.len() < len * R::Own::SIZE {
            self.values.extend_from_slice(R::Own::NEG_INFINITY);
        }
        (self.values, self.indices)
    }
}
