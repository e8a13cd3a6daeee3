//! Arrays of rows as NumPy lays them out: any strides, any alignment, either
//! byte order. Contiguous rows are handed out as they are; others are gathered
//! a block at a time, several neighbouring rows together, so that a cache line
//! that they share is fetched once.

use std::marker::PhantomData;

use ndarray::{ArrayViewD, Axis};

use crate::error::Error;

/// Rows gathered together: neighbours in memory share cache lines when the
/// vocabulary is not the last axis (16 `f32` fill one).
pub(crate) const TILE: usize = 16;

/// A borrowed array of shape `leading + (vocab, item size)`, as bytes.
#[derive(Debug)]
pub struct StridedRows<'a> {
    start: *const u8,
    leading: Vec<(usize, isize)>,
    vocab: usize,
    vocab_stride: isize,
    item_size: usize,
    swapped: bool,
    rows: usize,
    bytes: PhantomData<&'a [u8]>,
}

// SAFETY: it is a shared borrow of bytes, as `&[u8]` is, and never written through.
unsafe impl Send for StridedRows<'_> {}
// SAFETY: as above.
unsafe impl Sync for StridedRows<'_> {}

impl<'a> StridedRows<'a> {
    /// Takes the bytes of an array; the last axis holds the bytes of an item.
    pub fn new(cells: ArrayViewD<'a, u8>, swapped: bool) -> Result<Self, Error> {
        let axes: Vec<_> = (0..cells.ndim())
            .map(|i| (cells.len_of(Axis(i)), cells.stride_of(Axis(i))))
            .collect();
        let [leading @ .., (vocab, vocab_stride), (item_size, item_stride)] = axes.as_slice()
        else {
            return Err(Error::EmptyVocabulary);
        };
        if *vocab == 0 {
            return Err(Error::EmptyVocabulary);
        }
        assert!(
            *item_stride == 1 || *item_size < 2 || cells.is_empty(),
            "the bytes of an item lie together"
        );
        Ok(Self {
            start: cells.as_ptr(),
            leading: leading.to_vec(),
            vocab: *vocab,
            vocab_stride: *vocab_stride,
            item_size: *item_size,
            swapped,
            rows: leading.iter().map(|axis| axis.0).product(),
            bytes: PhantomData,
        })
    }

    /// A row of whole items, at least one.
    pub(crate) fn of_row(bytes: &'a [u8], item_size: usize) -> Self {
        let vocab = bytes.len() / item_size;
        assert!(vocab > 0 && vocab * item_size == bytes.len(), "a row of whole items");
        Self {
            start: bytes.as_ptr(),
            leading: Vec::new(),
            vocab,
            vocab_stride: item_size as isize,
            item_size,
            swapped: false,
            rows: 1,
            bytes: PhantomData,
        }
    }

    /// One of the rows, on its own.
    pub(crate) fn row(&self, row: usize) -> StridedRows<'a> {
        StridedRows { start: self.row_start(row), leading: Vec::new(), rows: 1, ..*self }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Length of a row.
    pub fn vocab(&self) -> usize {
        self.vocab
    }

    /// Bytes of an item.
    pub fn item_size(&self) -> usize {
        self.item_size
    }

    /// Shape of the array without the vocabulary.
    pub fn leading_shape(&self) -> Vec<usize> {
        self.leading.iter().map(|axis| axis.0).collect()
    }

    /// Whether rows can be read where they lie.
    pub(crate) fn is_contiguous(&self) -> bool {
        !self.swapped && (self.vocab == 1 || self.vocab_stride == self.item_size as isize)
    }

    /// Whether all items are the same one.
    pub(crate) fn is_one_item(&self) -> bool {
        self.vocab_stride == 0 && self.leading.iter().all(|axis| axis.1 == 0)
    }

    /// The bytes of a row, which must be contiguous.
    pub(crate) fn contiguous_row(&self, row: usize) -> &'a [u8] {
        assert!(self.is_contiguous(), "the row's items lie apart");
        // SAFETY: `row_start` is the address of item 0 of a row of the borrowed
        // array; its items follow one another, by the assertion, so all
        // `vocab * item_size` bytes belong to the array, which outlives 'a.
        unsafe { std::slice::from_raw_parts(self.row_start(row), self.vocab * self.item_size) }
    }

    /// Address of item 0 of a row (rows in C order of the leading axes).
    fn row_start(&self, row: usize) -> *const u8 {
        assert!(row < self.rows, "row {row} of {}", self.rows);
        let mut rest = row;
        let mut offset = 0;
        for &(len, stride) in self.leading.iter().rev() {
            offset += (rest % len) as isize * stride;
            rest /= len;
        }
        // `wrapping_offset`: the offset is that of an item of the array, so the
        // result lies in it, but that takes no promise here.
        self.start.wrapping_offset(offset)
    }

    /// Copies items `from..from + len` of up to [`TILE`] rows from `first_row`
    /// on, in native byte order, to `out[row - first_row]`.
    pub(crate) fn gather<const BYTES: usize>(
        &self,
        first_row: usize,
        from: usize,
        len: usize,
        out: &mut [[u8; BYTES]],
    ) {
        match self.item_size {
            1 => self.gather_items::<1, BYTES>(first_row, from, len, out),
            2 => self.gather_items::<2, BYTES>(first_row, from, len, out),
            4 => self.gather_items::<4, BYTES>(first_row, from, len, out),
            8 => self.gather_items::<8, BYTES>(first_row, from, len, out),
            size => unreachable!("no element type has {size} bytes"),
        }
    }

    /// A few items at a time, row after row: so each row's are written one behind the other,
    /// and the cache lines that rows share are still there for the next. Item after item, row
    /// by row, took three times as long.
    fn gather_items<const SIZE: usize, const BYTES: usize>(
        &self,
        first_row: usize,
        from: usize,
        len: usize,
        out: &mut [[u8; BYTES]],
    ) {
        const AT_ONCE: usize = 16;
        assert!(from + len <= self.vocab && SIZE == self.item_size && out.len() <= TILE);
        let mut rows = [self.start; TILE];
        for (i, row) in rows[..out.len()].iter_mut().enumerate() {
            *row = self.row_start(first_row + i);
        }
        for start in (0..len).step_by(AT_ONCE) {
            let few = AT_ONCE.min(len - start);
            for (first, out) in rows.iter().zip(out.iter_mut()) {
                let out = &mut out[start * SIZE..(start + few) * SIZE];
                for (item, out) in out.as_chunks_mut::<SIZE>().0.iter_mut().enumerate() {
                    let offset = (from + start + item) as isize * self.vocab_stride;
                    // SAFETY: `first` is the address of item 0 of a row, and `from + start +
                    // item < from + len <= vocab`: the address is that of an item of the
                    // array, whose `SIZE` bytes lie together. An array of bytes has no
                    // alignment to keep.
                    *out = unsafe { first.offset(offset).cast::<[u8; SIZE]>().read() };
                }
                if self.swapped {
                    out.as_chunks_mut::<SIZE>().0.iter_mut().for_each(|cell| cell.reverse());
                }
            }
        }
    }

    /// One item, in native byte order, in the first `item_size` bytes.
    pub(crate) fn item(&self, row: usize, index: usize) -> [u8; 8] {
        let mut out = [[0; 8]];
        self.gather(row, index, 1, &mut out);
        out[0]
    }
}
