//! A stretch of a row that lies in memory to be read again.

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
    /// The registers of step `i` of the sketch, `step` pairs but for the last one, and
    /// the index of their first logit.
    #[inline(always)]
    pub(crate) fn step<E: Element>(&self, i: usize, step: usize) -> (usize, &[u8]) {
        let len = step * E::PAIR * E::SIZE;
        let at = i * len;
        let bytes = match at.checked_sub(self.blocks.len()) {
            None => &self.blocks[at..at + len],
            Some(at) => &self.last[at..self.last.len().min(at + len)],
        };
        (self.start + i * step * E::PAIR, bytes)
    }
}
