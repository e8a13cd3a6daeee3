//! Rows at random strides against ndarray's own order of elements.

use ndarray::{Array, ArrayViewD, Axis, IxDyn, Slice};

use super::Random;
use crate::error::Error;
use crate::simd::strided::{StridedRows, TILE};

/// Random bytes to cut views from. The last axis has room around an item, so that
/// items need not be aligned.
fn storage(random: &mut Random) -> Array<u8, IxDyn> {
    let shape = [1 + random.below(4), 1 + random.below(5), 1 + random.below(40), 16];
    Array::from_shape_simple_fn(IxDyn(&shape), || random.bits() as u8)
}

/// Hands over a view of items of `size` bytes: stepped, reversed, transposed, and
/// at times with a stride of zero.
fn with_view(
    storage: &Array<u8, IxDyn>,
    size: usize,
    random: &mut Random,
    check: impl FnOnce(ArrayViewD<u8>),
) {
    let mut view = storage.view();
    let first = random.below(16 - size + 1);
    view.slice_axis_inplace(Axis(3), Slice::from(first..first + size));
    for axis in [0, 1, 2].map(Axis) {
        let step = [1, 1, 2, 3, -1, -2][random.below(6)];
        let start = random.below(view.len_of(axis)) as isize;
        view.slice_axis_inplace(axis, Slice::new(start, None, 1));
        view.slice_axis_inplace(axis, Slice::new(0, None, step));
    }
    view.swap_axes(random.below(3), random.below(3));
    let mut shape = view.shape().to_vec();
    if random.below(3) == 0 {
        let axis = random.below(3);
        view.slice_axis_inplace(Axis(axis), Slice::from(0..1));
        shape[axis] = 1 + random.below(20);
    }
    check(view.broadcast(shape).expect("an axis of length 1 takes any length"));
}

/// The items of a view, row after row, in native byte order.
fn rows_of(view: &ArrayViewD<u8>, swapped: bool) -> Vec<Vec<Vec<u8>>> {
    let (vocab, size) =
        (view.len_of(Axis(view.ndim() - 2)), view.len_of(Axis(view.ndim() - 1)));
    let bytes: Vec<u8> = view.iter().copied().collect();
    let item = |item: &[u8]| {
        let mut item = item.to_vec();
        if swapped {
            item.reverse();
        }
        item
    };
    bytes
        .chunks_exact(vocab * size)
        .map(|row| row.chunks_exact(size).map(item).collect())
        .collect()
}

fn check(view: ArrayViewD<u8>, swapped: bool, random: &mut Random) {
    let expected = rows_of(&view, swapped);
    let (vocab, size) = (expected[0].len(), expected[0][0].len());
    let leading = view.shape()[..view.ndim() - 2].to_vec();
    let rows = StridedRows::new(view, swapped).expect("the view has a vocabulary");
    assert_eq!((rows.rows(), rows.vocab(), rows.item_size()), (expected.len(), vocab, size));
    assert_eq!(rows.leading_shape(), leading);
    for (row, items) in expected.iter().enumerate() {
        if rows.is_contiguous() {
            assert_eq!(rows.contiguous_row(row), items.concat());
        }
        let index = random.below(vocab);
        assert_eq!(rows.item(row, index)[..size], items[index]);
    }
    let first_row = random.below(expected.len());
    let tile = 1 + random.below(TILE.min(expected.len() - first_row));
    let from = random.below(vocab);
    let len = random.below(vocab - from + 1);
    let mut out = vec![[0xaa; 1024]; tile];
    rows.gather(first_row, from, len, &mut out);
    for (found, items) in out.iter().zip(&expected[first_row..]) {
        assert_eq!(found[..len * size], items[from..from + len].concat());
        assert!(found[len * size..].iter().all(|&byte| byte == 0xaa), "wrote past the items");
    }
}

#[test]
fn gathers_what_ndarray_iterates() {
    let mut random = Random(5);
    let mut contiguous = 0;
    for round in 0..3000 {
        let storage = storage(&mut random);
        let (size, swapped) = ([2, 4, 8][round % 3], random.below(2) == 0);
        let mut for_check = Random(round as u64);
        with_view(&storage, size, &mut random, |view| {
            contiguous += usize::from(view.is_standard_layout());
            check(view, swapped, &mut for_check);
        });
    }
    assert!(contiguous < 1500, "most of these views are strided");
}

/// Rows that follow one another without a gap, apart, or backwards, are handed
/// out in place: the items of each lie together.
#[test]
fn contiguous_rows_are_borrowed() {
    let storage =
        Array::from_shape_fn(IxDyn(&[5, 7, 4]), |at| (at[0] * 28 + at[1] * 4 + at[2]) as u8);
    for step in [1, 2, -1, -3] {
        let mut view = storage.view();
        view.slice_axis_inplace(Axis(0), Slice::new(0, None, step));
        let expected = rows_of(&view, false);
        let first = view.as_ptr();
        let rows = StridedRows::new(view, false).expect("the view has a vocabulary");
        assert!(rows.is_contiguous());
        assert_eq!(rows.contiguous_row(0).as_ptr(), first);
        for (row, items) in expected.iter().enumerate() {
            assert_eq!(rows.contiguous_row(row), items.concat());
        }
    }
    let swapped = StridedRows::new(storage.view(), true).expect("the view has a vocabulary");
    assert!(!swapped.is_contiguous(), "bytes in the other order must be copied");
    let mut single = storage.view();
    single.slice_axis_inplace(Axis(1), Slice::new(0, None, 7));
    let single = StridedRows::new(single, false).expect("the view has a vocabulary");
    assert!(single.is_contiguous(), "one item is contiguous at any stride");
}

#[test]
fn no_rows_are_no_trouble_but_an_empty_vocabulary_is() {
    let storage = Array::<u8, _>::zeros(IxDyn(&[3, 2, 5, 4]));
    let without = |axis| {
        let mut view = storage.view();
        view.slice_axis_inplace(Axis(axis), Slice::from(0..0));
        view
    };
    let rows = StridedRows::new(without(1), false).expect("the view has a vocabulary");
    assert_eq!((rows.rows(), rows.vocab()), (0, 5));
    let item = Array::<u8, _>::zeros(IxDyn(&[4]));
    for empty in [without(2), item.view()] {
        let error = StridedRows::new(empty, false).expect_err("there are no logits");
        assert_eq!(error, Error::EmptyVocabulary);
    }
}

#[test]
#[should_panic(expected = "row 2 of 2")]
fn rows_end_where_the_array_ends() {
    let two = Array::<u8, _>::zeros(IxDyn(&[2, 3, 4]));
    let rows = StridedRows::new(two.view(), false).expect("the view has a vocabulary");
    rows.contiguous_row(2);
}
