//! Takes the logits that reach a bound.

use super::bound::{Bound, of_steps};
use super::packed::Packed;
use super::sketch::{LONG, MAXIMA, SHORT};
use super::{Own, PackedOf, Span};
use crate::element::{Element, Vector};
use crate::simd::{Kernel, Lanes, Simd, ahead};

/// Up to so many groups of a step are looked at one by one.
pub(super) const FEW: usize = 4;

/// Lines that are asked for ahead of the group that is looked at. Of a row that has just come
/// from memory one line in a hundred has left the second-level cache again, and whoever waits
/// for it waits for all behind it. A Xeon with the features of Granite Rapids takes 59
/// microseconds for the 1000 largest of a row of 128,256 with 64 to 256 lines, 62.5 without;
/// 41 in place of 43 for 256.
const AHEAD: usize = 192;

/// Logits to be listed before they are taken: few enough that they are still in the cache
/// next to the core.
const AT_ONCE: usize = 256;

/// A step of the sketch with groups that exceed a bound.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Hit {
    step: u32,
    /// Bits in the order of memory.
    groups: u32,
}

/// Takes from a span all logits above the bound, then as many that equal it as are
/// missing, lowest index first.
pub(crate) struct Collect<'a, E: Element> {
    pub(crate) span: &'a Span<'a>,
    /// Logits of a group.
    pub(crate) step: usize,
    pub(crate) maxima: &'a [u8],
    pub(crate) k: usize,
    pub(crate) bound: Bound<E::Lane>,
    pub(crate) found: &'a mut Vec<PackedOf<E>>,
    pub(crate) hits: &'a mut Vec<Hit>,
    /// Where the groups begin that are to be looked at one by one.
    pub(crate) groups: &'a mut Vec<usize>,
    /// Where the logits stand that are to be taken.
    pub(crate) places: &'a mut Vec<u32>,
    pub(crate) scratch: &'a mut Vec<u8>,
}

impl<E: Element> Kernel for Collect<'_, E> {
    /// The bound that was collected at.
    type Output = Bound<E::Lane>;

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) -> Bound<E::Lane> {
        let count = self.look_up(simd);
        self.raise(simd, count);
        let before = self.found.len();
        let bound = Vector::<E, S>::splat(simd, self.bound.value);
        self.groups.clear();
        let mut listed = 0;
        for hit in 0..count {
            let hit = self.hits[hit];
            let (start, step) = self.span.step::<E>(hit.step as usize, self.step);
            let mut groups = hit.groups;
            let whole = step.len() == self.step * E::PAIR * E::SIZE;
            if whole && groups.count_ones() as usize <= FEW {
                let first = hit.step as usize * self.step * E::PAIR;
                while groups != 0 {
                    self.groups.push(first + groups.trailing_zeros() as usize);
                    groups &= groups - 1;
                }
                continue;
            }
            reserve(self.places, listed + step.len() / E::SIZE);
            let places = &mut self.places[listed..];
            listed += list_above::<S, E>(simd, step, start, bound, places);
            // While the logits are still near.
            if listed >= AT_ONCE {
                self.take(listed);
                listed = 0;
            }
        }
        self.take(listed);
        if self.step == LONG {
            self.take_groups::<LONG>();
        } else {
            self.take_groups::<SHORT>();
        }
        if self.bound.ties {
            let missing = self.k.saturating_sub(self.found.len() - before);
            self.take_ties(simd, missing);
        }
        self.bound
    }
}

impl<E: Element> Collect<'_, E> {
    /// Lists the steps that hold anything above the bound; how many they are.
    #[inline(always)]
    fn look_up<S: Simd>(&mut self, simd: S) -> usize {
        let bound = Vector::<E, S>::splat(simd, self.bound.value);
        let maxima = self.maxima.chunks_exact(MAXIMA);
        if self.hits.len() < maxima.len() {
            self.hits.resize(maxima.len(), Hit::default());
        }
        // Whether a step is one of them is as good as random.
        let mut end = 0;
        for (step, pair) in maxima.enumerate() {
            let [m0, m1] = Own::<E>::load_pair(simd, pair);
            let groups = in_order::<S, E>(m0.bits_gt(bound), m1.bits_gt(bound));
            self.hits[end] = Hit { step: step as u32, groups };
            end += usize::from(groups != 0);
        }
        end
    }

    /// Raises the bound if most groups above it stand with many others in their step:
    /// where a row is sorted, all logits of such a step are above the bound. Elsewhere
    /// that would take longer than to collect a few too many.
    #[inline(always)]
    fn raise<S: Simd>(&mut self, simd: S, count: usize) {
        let hits = &self.hits[..count];
        let groups: u32 = hits.iter().map(|hit| hit.groups.count_ones()).sum();
        if count * E::PAIR / 4 * 3 < groups as usize {
            self.scratch.clear();
            for hit in hits {
                let (_, step) = self.span.step::<E>(hit.step as usize, self.step);
                self.scratch.extend_from_slice(step);
            }
            self.bound = of_steps::<S, E>(simd, self.scratch, self.bound, self.k);
        }
    }

    /// Takes what is above the bound in the chosen groups.
    ///
    /// Logit by logit: that a group is chosen says that one is above, and nearly always
    /// it is one. To look through the whole step instead took longer: 5 microseconds more
    /// for 256 logits of a row, as long for 1000 and a quarter less for 4000. To ask for
    /// lines of the next row meanwhile made no difference.
    #[inline(always)]
    fn take_groups<const STEP: usize>(&mut self) {
        let (bound, span, groups) = (self.bound.value, self.span, &*self.groups);
        // So long, and no longer, that no index needs a check. Those of the row's last block
        // are behind the others.
        let bytes_of = |group: usize| {
            let at = group * E::SIZE;
            let behind = match at.checked_sub(span.blocks.len()) {
                None => &span.blocks[at..],
                Some(at) => &span.last[at..],
            };
            &behind[..((STEP - 1) * E::PAIR + 1) * E::SIZE]
        };
        let request = |&group: &usize| {
            let bytes = bytes_of(group);
            for i in 0..STEP {
                ahead::prefetch_one(&bytes[i * E::PAIR * E::SIZE..]);
            }
        };
        let mut coming = if ahead::asks_again() { groups } else { &[][..] }.iter();
        for group in coming.by_ref().take(AHEAD / STEP) {
            request(group);
        }
        for &group in groups {
            if let Some(group) = coming.next() {
                request(group);
            }
            let start = span.start + group;
            take_group::<E, STEP>(bytes_of(group), start, bound, self.found);
        }
    }

    /// Takes the first `missing` logits that equal the bound.
    #[inline(always)]
    fn take_ties<S: Simd>(&mut self, simd: S, missing: usize) {
        let bound = Vector::<E, S>::splat(simd, self.bound.value);
        let end = self.span.start + self.span.len;
        let mut count = 0;
        reserve(self.places, missing);
        for (i, maxima) in self.maxima.chunks_exact(MAXIMA).enumerate() {
            if count >= missing {
                break;
            }
            let [m0, m1] = Own::<E>::load_pair(simd, maxima);
            if !(m0.any_ge(bound) || m1.any_ge(bound)) {
                continue;
            }
            let (start, step) = self.span.step::<E>(i, self.step);
            for (i, pair) in step.chunks_exact(E::PAIR * E::SIZE).enumerate() {
                if count >= missing {
                    break;
                }
                let [x0, x1] = E::load_pair(simd, pair);
                let start = start + i * E::PAIR;
                let bits = in_order::<S, E>(x0.bits_eq(bound), x1.bits_eq(bound));
                // What fills up a row may be equal, too.
                let bits = bits & below(end.saturating_sub(start));
                count += simd.places(bits, start as u32, &mut self.places[count..]);
            }
        }
        self.take(count.min(missing));
    }

    /// Adds the logits at the first places listed, which are in order.
    #[inline(always)]
    fn take(&mut self, count: usize) {
        let Span { blocks, last, start, .. } = *self.span;
        let places = &self.places[..count];
        // Those of the row's last block are behind the others.
        let behind = start + blocks.len() / E::SIZE;
        let split = places.partition_point(|&place| (place as usize) < behind);
        for (places, bytes, start) in
            [(&places[..split], blocks, start), (&places[split..], last, behind)]
        {
            take_places::<E>(bytes, start, places, self.found);
        }
    }
}

/// Lists the places of what is above `bound` among some logits, `start` that of the first,
/// without a branch on what they are; how many those are.
#[inline(always)]
pub(super) fn list_above<S: Simd, E: Element>(
    simd: S,
    logits: &[u8],
    start: usize,
    bound: Vector<E, S>,
    places: &mut [u32],
) -> usize {
    let mut listed = 0;
    let pairs = logits.chunks_exact(E::PAIR * E::SIZE);
    for (pair, start) in pairs.zip((start as u32..).step_by(E::PAIR)) {
        let [x0, x1] = E::load_pair(simd, pair);
        let bits = in_order::<S, E>(x0.bits_gt(bound), x1.bits_gt(bound));
        listed += simd.places(bits, start, &mut places[listed..]);
    }
    listed
}

/// Takes the logits at these places, `start` that of the first of `logits`.
#[inline(always)]
pub(super) fn take_places<E: Element>(
    logits: &[u8],
    start: usize,
    places: &[u32],
    found: &mut Vec<PackedOf<E>>,
) {
    // In a loop of this function: what collections have for it would be compiled without the
    // instruction set.
    let begin = found.len();
    found.resize(begin + places.len(), PackedOf::<E>::default());
    for (own, &place) in found[begin..].iter_mut().zip(places) {
        let at = (place as usize - start) * E::SIZE;
        *own = PackedOf::<E>::new(E::widen(&logits[at..at + E::SIZE]), place);
    }
}

/// Which of a group of `STEP` logits are above `bound`, as bits; `bytes` begin with the first.
#[inline(always)]
fn above_in_group<E: Element, const STEP: usize>(bytes: &[u8], bound: E::Lane) -> u32 {
    // Then no index needs a check.
    let bytes = &bytes[..((STEP - 1) * E::PAIR + 1) * E::SIZE];
    let mut above = 0_u32;
    for i in 0..STEP {
        let x = E::widen(&bytes[i * E::PAIR * E::SIZE..][..E::SIZE]);
        above |= u32::from(x > bound) << i;
    }
    above
}

/// Takes from some pairs of registers what is above `bound` in one lane of both, `start` the
/// index of the first logit of all. A lane at a time, not a group: which of its two groups holds
/// what is above is as good as random.
#[inline(always)]
pub(super) fn take_lane<S: Simd, E: Element, const PAIRS: usize>(
    pairs: &[u8],
    start: usize,
    lane: usize,
    bound: E::Lane,
    found: &mut Vec<PackedOf<E>>,
) {
    let lanes = <Vector<E, S> as Lanes>::LEN;
    let [first, second] =
        if E::INTERLEAVED { [2 * lane, 2 * lane + 1] } else { [lane, lanes + lane] };
    let above_in = |group: usize| above_in_group::<E, PAIRS>(&pairs[group * E::SIZE..], bound);
    let above = above_in(first) | above_in(second) << PAIRS;
    take_bits::<E, PAIRS>(pairs, start, [first, second], above, found);
}

/// Takes from a group of `STEP` logits what is above `bound`; `bytes` begin with the first,
/// whose index is `start`.
#[inline(always)]
pub(super) fn take_group<E: Element, const STEP: usize>(
    bytes: &[u8],
    start: usize,
    bound: E::Lane,
    found: &mut Vec<PackedOf<E>>,
) {
    let above = above_in_group::<E, STEP>(bytes, bound);
    take_bits::<E, STEP>(bytes, start, [0, 0], above, found);
}

/// Takes the logits whose bits are set: those below bit `STEP` are of the first group of as
/// many, the others of the second, `groups` the places where these begin.
#[inline(always)]
fn take_bits<E: Element, const STEP: usize>(
    bytes: &[u8],
    start: usize,
    groups: [usize; 2],
    mut bits: u32,
    found: &mut Vec<PackedOf<E>>,
) {
    while bits != 0 {
        let bit = bits.trailing_zeros() as usize;
        let at = bit % STEP * E::PAIR + if bit < STEP { groups[0] } else { groups[1] };
        let x = E::widen(&bytes[at * E::SIZE..][..E::SIZE]);
        found.push(PackedOf::<E>::new(x, (start + at) as u32));
        bits &= bits - 1;
    }
}

/// Has room for so many places, and for those that are listed at a time.
#[inline(always)]
fn reserve(places: &mut Vec<u32>, count: usize) {
    let room = count + 32;
    if places.len() < room {
        places.resize(room, 0);
    }
}

/// Bits of both registers of a pair in the order of memory.
#[inline(always)]
pub(super) fn in_order<S: Simd, E: Element>(first: u32, second: u32) -> u32 {
    if E::INTERLEAVED {
        spread(first) | spread(second) << 1
    } else {
        first | second << <Vector<E, S> as Lanes>::LEN
    }
}

/// Sixteen bits at the even places of 32.
#[inline(always)]
fn spread(bits: u32) -> u32 {
    let bits = (bits | bits << 8) & 0x00ff_00ff;
    let bits = (bits | bits << 4) & 0x0f0f_0f0f;
    let bits = (bits | bits << 2) & 0x3333_3333;
    (bits | bits << 1) & 0x5555_5555
}

/// The bits below the one at `end`.
#[inline(always)]
fn below(end: usize) -> u32 {
    if end >= 32 { u32::MAX } else { (1 << end) - 1 }
}
