//! A row cut up: chunks that may go to different threads, blocks that stay in
//! the first-level cache, and the padding of the last one.
//!
//! Both lengths are fixed, whatever the machine and the number of threads: they
//! decide how sums are grouped, and so the bits of a result.

use std::slice::{Chunks, ChunksExact};

use crate::element::Element;

/// Elements of a block, whose sums go to `f64`. Half of it took entropy 4 % more time, for
/// the work between blocks; twice as much took no less.
pub(crate) const BLOCK: usize = 2048;

/// Elements of a piece of a block, summed by itself: 16 additions to each of 16 lanes, and 8
/// for the block's pieces. That bounds the rounding of a block's sum by 24 * 2^-24. It comes
/// near that in rows of few values, whose roundings may all go one way: with pieces of 512
/// log-sum-exp was up to 6.5e-7 off there, and KL of a likely token and a row of equal logits
/// up to 1.5e-6. Halves of them take half a percent more time. Of a block with a new maximum,
/// the pieces that hold it are read again.
pub(crate) const PIECE: usize = 256;

/// Pieces of a block.
pub(crate) const PIECES: usize = BLOCK / PIECE;

/// Elements of a chunk, the piece of a long row that one thread takes. A chunk
/// starts from nothing, so it pays for finding its maximum: about four of its 256
/// pieces are computed twice, which would be as many of 128 at half the length.
/// Less work than a chunk's (ten microseconds) is not worth another thread anyway.
pub(crate) const CHUNK: usize = 64 * BLOCK;

/// Room for one block of any element type.
pub(crate) type Scratch = [u8; BLOCK * 8];

/// Pairs of registers that the first pass over a block takes at a time. With two of them
/// a Zen 5 core asks for the lines ahead in groups of four, and keeps more of them under
/// way: entropy took 13.6 microseconds for a row of 128,256 in place of 14.1.
const PAIRS_AT_A_TIME: usize = 2;

/// Registers of a turn.
pub(crate) const TURN: usize = 2 * PAIRS_AT_A_TIME;

/// Up to [`BLOCK`] elements, filled up to whole registers with -inf.
#[derive(Clone, Copy)]
pub(crate) struct Block<'a> {
    /// As many pairs of registers as are taken at a time, or a multiple of that.
    pub(crate) bytes: &'a [u8],
    /// Index in the row of the first element.
    pub(crate) start: usize,
}

impl<'a> Block<'a> {
    /// Fills the first `len` elements of `scratch` up to whole registers. Not inlined: loops
    /// over blocks of which the last alone is filled would prepare for it at every one.
    #[inline(never)]
    pub(crate) fn padded<E: Element>(scratch: &'a mut [u8], len: usize, start: usize) -> Self {
        let end = len.next_multiple_of(PAIRS_AT_A_TIME * E::PAIR);
        for cell in scratch[len * E::SIZE..end * E::SIZE].chunks_exact_mut(E::SIZE) {
            cell.copy_from_slice(E::NEG_INFINITY);
        }
        Self { bytes: &scratch[..end * E::SIZE], start }
    }

    /// Itself in pieces of `len` elements.
    #[inline(always)]
    pub(crate) fn cut<E: Element>(self, len: usize) -> impl Iterator<Item = Block<'a>> {
        let starts = (self.start..).step_by(len);
        self.bytes
            .chunks(len * E::SIZE)
            .zip(starts)
            .map(|(bytes, start)| Block { bytes, start })
    }
}

/// The registers of a block piece by piece, so that no lane has more additions than it is to
/// have.
#[inline(always)]
pub(crate) fn pieces<E: Element>(block: &[u8]) -> Chunks<'_, u8> {
    block.chunks(PIECE * E::SIZE)
}

/// The pairs of registers of a block, or of a piece of one, as they are taken.
#[inline(always)]
pub(crate) fn turns<E: Element>(bytes: &[u8]) -> ChunksExact<'_, u8> {
    bytes.chunks_exact(PAIRS_AT_A_TIME * E::PAIR * E::SIZE)
}
