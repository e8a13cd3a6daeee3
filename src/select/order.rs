//! Puts packed logits in order.

use super::packed::Packed;

/// Fewer than this are sorted by comparison.
const FEW: usize = 256;
/// Bits that one pass of the distribution looks at.
const DIGIT: u32 = 8;

/// Sorts `items`, among which those with equal logits already are in order; `spare` is
/// room for as many.
///
/// By distribution on the digits of the logits, the least first (which leaves equal
/// ones in the order they had), and only on digits in which they differ: the largest
/// logits are close to each other. A comparison sort of 1000 took twice as long.
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
    spare.clear();
    spare.resize(items.len(), P::default());
    for shift in (0..u64::BITS - (last - first).leading_zeros()).step_by(DIGIT as usize) {
        let digit = |item: &P| ((item.descent() - first) >> shift) as usize & ((1 << DIGIT) - 1);
        let mut places = [0_u32; 1 << DIGIT];
        items.iter().for_each(|item| places[digit(item)] += 1);
        let mut place = 0;
        for count in &mut places {
            place += std::mem::replace(count, place);
        }
        for item in &*items {
            let place = &mut places[digit(item)];
            spare[*place as usize] = *item;
            *place += 1;
        }
        std::mem::swap(items, spare);
    }
}
