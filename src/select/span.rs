//! A stretch of a row that lies in memory to be read again.

use super::sketch::STEP;
use crate::element::Element;

/// A stretch of a row: whole blocks, and the last one of the row, which is filled up to
/// whole pairs of registers with -inf.
pub(crate) struct Span<'a> {
    pub(crate) blocks: &'a [u8],
    pub(crate) last: &'a [u8],
    /// Index in the row of the first logit.
    pub(crate) start: usize,
    /// Logits, without those that fill up.
    pub(crate) len: usize,
}

impl Span<'_> {
    /// The pairs of registers that each step of the sketch covers, and the index of
    /// their first logit.
    #[inline(always)]
    pub(crate) fn steps<E: Element>(&self) -> impl Iterator<Item = (usize, &[u8])> {
        let len = STEP * E::PAIR;
        let steps = self.blocks.chunks(len * E::SIZE).chain(self.last.chunks(len * E::SIZE));
        let start = self.start;
        steps.enumerate().map(move |(i, bytes)| (start + i * len, bytes))
    }
}
