//! Puts packed logits in order.

use super::packed::Packed;

/// Fewer than this are sorted by comparison.
const FEW: usize = 192;
/// Bits that one pass of the distribution looks at, at most.
const DIGIT: u32 = 9;
/// Passes whose digits are counted together.
const TOGETHER: usize = 4;

/// Sorts `items`; `spare` is room for as many.
///
/// By distribution on the digits of the logits, the least first, and only on digits in
/// which they differ: the largest logits are close to each other. Then equal logits, if
/// they are not in the order of their indices. Sorting 1069 items by comparison took
/// 1.7 times as long, distribution into as many buckets by the highest bits 2.1 times.
#[inline(always)]
pub(crate) fn sort<P: Packed>(items: &mut Vec<P>, spare: &mut Vec<P>) {
    if items.len() < FEW {
        items.sort_unstable();
        return;
    }
    let (mut first, mut last) = (u64::MAX, 0);
    for item in &*items {
        let descent = item.descent();
        first = first.min(descent);
        last = last.max(descent);
    }
    let bits = u64::BITS - (last - first).leading_zeros();
    let passes = bits.div_ceil(DIGIT);
    let width = bits.div_ceil(passes.max(1));
    let digit = |item: &P, pass: u32| {
        ((item.descent() - first) >> (pass * width) & ((1 << width) - 1)) as usize
    };
    spare.clear();
    spare.resize(items.len(), P::default());
    for begin in (0..passes).step_by(TOGETHER) {
        let mut places = [[0_u32; 1 << DIGIT]; TOGETHER];
        let places = &mut places[..TOGETHER.min((passes - begin) as usize)];
        for item in &*items {
            for (pass, places) in (begin..).zip(&mut *places) {
                places[digit(item, pass)] += 1;
            }
        }
        for (pass, places) in (begin..).zip(places) {
            if places[digit(&items[0], pass)] as usize == items.len() {
                // Rows of few values differ in few digits.
                continue;
            }
            let mut place = 0;
            for count in &mut places[..1 << width] {
                place += std::mem::replace(count, place);
            }
            for item in &*items {
                let place = &mut places[digit(item, pass)];
                spare[*place as usize] = *item;
                *place += 1;
            }
            std::mem::swap(items, spare);
        }
    }
    sort_equals(items);
}

/// Puts those with equal logits, which stand together, in the order of their indices.
fn sort_equals<P: Packed>(items: &mut [P]) {
    if items.is_sorted() {
        return;
    }
    items.chunk_by_mut(|a, b| a.descent() == b.descent()).for_each(<[P]>::sort_unstable);
}
