//! Rows whose items lie apart, brought together one at a time: they are read more than
//! once.

use crate::element::Element;
use crate::row::blocks::{BLOCK, Scratch};
use crate::simd::strided::StridedRows;

/// Room for such a row.
#[derive(Default)]
pub(crate) struct Gathered {
    bytes: Vec<u8>,
    scratch: Vec<Scratch>,
}

impl Gathered {
    /// The row, its items together.
    pub(crate) fn row<'a, E: Element>(
        &'a mut self,
        rows: &'a StridedRows,
        index: usize,
    ) -> StridedRows<'a> {
        if rows.is_contiguous() {
            return rows.row(index);
        }
        self.bytes.clear();
        self.scratch.resize(1, [0; BLOCK * 8]);
        for at in (0..rows.vocab()).step_by(BLOCK) {
            let len = BLOCK.min(rows.vocab() - at);
            rows.gather(index, at, len, &mut self.scratch);
            self.bytes.extend_from_slice(&self.scratch[0][..len * E::SIZE]);
        }
        StridedRows::of_row(&self.bytes, E::SIZE)
    }
}
