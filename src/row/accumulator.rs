//! Reads a stretch of a row block by block, each logit once from memory, and
//! yields its [`Part`].
//!
//! # Method
//! * Weights are `2^(x * rate - reference)` with a whole-number reference that
//!   may lie up to [`Exp2::HEADROOM`] below the maximum: a new maximum rarely
//!   costs a rescaling, and then an exact one.
//! * A block is summed on the supposition that its logits are below the maximum
//!   known. If one is not, its piece of the block is done again, from the first-level
//!   cache, without the copies of its maximum, which are counted instead. After two
//!   such blocks the next one looks for its maximum first, so that rows in ascending
//!   order or of equal logits cost a cheap extra pass, not twice the arithmetic.
//! * Moments are about a centre near the mean of what has been read. When the
//!   mean drifts away the `f64` sums are moved; when a block outweighs all before
//!   it and lies far from the centre it is summed again about its own mean.
//! * With moments, the rate (log2(e) / temperature) is rounded to the lane type,
//!   which saves an operation on every logit; the moments themselves give the
//!   correction at the end.
//! * Rows out of the range of the arithmetic (logits times rate beyond
//!   [`Exp2::LIMIT`], temperatures beyond 2^20 or below 2^-20) are shifted by
//!   their maximum and scaled by a power of two first.
//!
//! Subtracting the maximum's weight from a block's sum instead of doing the
//! block again was dropped: it cancels where the maximum is most of the sum,
//! and those are the rows whose entropy is small. Keeping the sums of a block with a
//! new maximum, and doing again only the one that holds the maximum in the end, was
//! tried too: in rows as language models give them the sums that are kept cancel
//! about as often, and it took no less time. Nor did it to keep eight parts of each sum in
//! registers from block to block and to add them up only where that decides something.
//!
//! # Domain
//! Logits more than 101 nats below the maximum (32-bit lanes) count as that far below
//! it, or as nothing where no sum shows the difference, and blocks of nothing else as
//! nothing: an entropy of 1e-30 has all its digits, one below 1e-40 is 0.
//!
//! [`Exp2::HEADROOM`]: crate::math::exp2::Exp2::HEADROOM
//! [`Exp2::LIMIT`]: crate::math::exp2::Exp2::LIMIT

use super::blocks::{BLOCK, Block, CHUNK, PIECE, PIECES};
use super::mode::{BELOW, Outlook, SHIFTED, sums_tell_of_large};
use super::moments::{Frame, Room, Sums, bound, moments};
use super::part::Part;
use super::scaling::Shifter;
use super::scan::{count_greater, has_nan, largest, locate};
use super::sought::Sought;
use super::tally::Tally;
use super::totals::Totals;
use crate::element::{Element, Real, Vector};
use crate::math::exp2::Weigher;
use crate::select::LanesOfPieces;
use crate::simd::{Lanes, Simd};

/// State of reading a stretch of a row; `MOMENTS` as in [`moments`].
pub(crate) struct Accumulator<S: Simd, E: Element, const MOMENTS: u8> {
    simd: S,
    totals: Totals<E::Lane, MOMENTS>,
    /// What of them the passes use.
    frame: Frame<Vector<E, S>>,
    threshold: f64,
    /// That of the frame's weigher.
    reference: f64,
    room: Room<Vector<E, S>>,
    outlook: Outlook,
    /// Logits above the threshold.
    greater: u64,
    /// The last block reached the maximum.
    reached: bool,
    /// The next block looks for its maximum before anything else.
    cautious: bool,
    sought: Sought<Vector<E, S>>,
}

impl<S: Simd, E: Element, const MOMENTS: u8> Accumulator<S, E, MOMENTS> {
    /// Nothing read yet. `threshold` is for `push` with `RANK`.
    #[inline(always)]
    pub(crate) fn new(simd: S, temperature: f64, threshold: E::Lane) -> Self {
        let totals = Totals::new(temperature);
        let zero = Vector::<E, S>::splat(simd, E::Lane::from_f64(0.0));
        Self {
            simd,
            frame: Frame {
                weigher: Weigher::new(simd, totals.rate, 0.0),
                centre: zero,
                max: zero,
                max_weight: zero,
                threshold: Vector::<E, S>::splat(simd, threshold),
                threshold_weight: zero,
                shifter: Shifter::new(simd, totals.shift),
            },
            threshold: threshold.to_f64(),
            reference: f64::NAN,
            room: Room::new(zero),
            outlook: Outlook::default(),
            greater: 0,
            reached: false,
            cautious: true,
            sought: Sought::none(),
            totals,
        }
    }

    /// Brings the registers up to date with the state.
    #[inline(always)]
    fn reframe(&mut self) {
        let Self { totals, frame, .. } = self;
        let lane = E::Lane::from_f64;
        if totals.reference != self.reference {
            self.reference = totals.reference;
            frame.weigher = Weigher::new(self.simd, totals.rate, totals.reference);
            // Nothing is above NaN.
            let threshold =
                if self.threshold.is_nan() { f64::INFINITY } else { self.threshold };
            frame.threshold_weight = bound(self.simd, totals.weight(threshold));
        }
        frame.centre = Vector::<E, S>::splat(self.simd, lane(totals.centre));
        frame.max = Vector::<E, S>::splat(self.simd, lane(totals.max));
        frame.shifter = Shifter::new(self.simd, totals.shift);
        frame.max_weight = bound(self.simd, totals.weight(totals.max));
    }

    /// Has [`Self::lanes`] tell of the logits above this one, in the next block.
    #[inline(always)]
    pub(crate) fn seek(&mut self, logit: Option<E::Lane>) {
        self.sought.seek(self.simd, logit, &self.totals);
    }

    /// The lanes of the block read last outside of which no logit is above the one that
    /// is [sought](Self::seek); `None` if that is not known.
    pub(crate) fn lanes(&self) -> Option<LanesOfPieces> {
        self.sought.lanes
    }

    /// Reads the next block. With `RANK`, counts the logits above the threshold.
    #[inline(always)]
    pub(crate) fn push<const RANK: bool>(&mut self, block: Block) {
        self.sought.lanes = None;
        let (len, largest) = if self.cautious {
            if RANK {
                self.count(block);
            }
            (BLOCK, [None; PIECES])
        } else {
            let reaching = self.push_below::<RANK>(block);
            if reaching == [None; PIECES] {
                self.reached = false;
                return;
            }
            (PIECE, reaching)
        };
        let mut reached = false;
        for (piece, max) in block.cut::<E>(len).zip(largest) {
            if len == BLOCK || max.is_some() {
                reached |= self.push_cautiously(piece, max);
            }
        }
        // Only the careful path knows how to shift.
        self.cautious =
            self.totals.shifted || !self.totals.max.is_finite() || reached && self.reached;
        self.reached = reached;
    }

    /// Sums a block on the supposition that it is below the maximum, and takes what is; the
    /// largest logits of the other pieces, which are to be read again, with care.
    #[inline(always)]
    fn push_below<const RANK: bool>(&mut self, block: Block) -> [Option<f64>; PIECES] {
        let counts = RANK && self.counts_often(block);
        let mut sums =
            if counts { self.sums::<true>(block) } else { self.sums::<false>(block) };
        if RANK && !counts && sums.above {
            self.count(block);
        }
        self.greater += sums.greater;
        let mut reaching = [None; PIECES];
        if sums.reaches {
            (sums, reaching) = self.sort_pieces(block);
            if reaching.contains(&None) && self.outlook.doubts(&sums) {
                // For the tallies of its pieces.
                self.sums::<false>(block);
                (sums, reaching) = self.sort_pieces(block);
            }
        }
        if self.totals.is_outweighed(&sums) {
            self.totals.centre_on(&sums);
            self.reframe();
            sums = self.sums::<false>(block);
            if reaching != [None; PIECES] {
                (sums, reaching) = self.sort_pieces(block);
            }
        }
        if block.bytes.len() == BLOCK * E::SIZE && sums_tell_of_large(&self.frame.weigher) {
            self.sought.find(&self.room.tallies, &reaching);
        }
        self.commit(&sums);
        reaching
    }

    /// The sums just made of those pieces of a block that are below the maximum, and the
    /// largest logits of the others.
    #[inline(always)]
    fn sort_pieces(&self, block: Block) -> (Sums, [Option<f64>; PIECES]) {
        let zero = Vector::<E, S>::splat(self.simd, E::Lane::from_f64(0.0));
        let mut below = Tally::none(zero);
        let mut reaching = [None; PIECES];
        let places = self.room.tallies.iter().zip(&mut reaching);
        let tells = sums_tell_of_large(&self.frame.weigher);
        for (piece, (tally, reaching)) in block.cut::<E>(PIECE).zip(places) {
            if !tells || tally.reaches(self.frame.max_weight) {
                let max = largest::<S, E, false>(self.simd, piece).to_f64();
                if max >= self.totals.max {
                    *reaching = Some(max);
                    continue;
                }
            }
            below.add(tally);
        }
        (below.sums::<MOMENTS>(), reaching)
    }

    /// The sums of a block on the supposition that it is below the maximum.
    #[inline(always)]
    fn sums<const COUNT: bool>(&mut self, block: Block) -> Sums {
        let Self { simd, frame, room, outlook, .. } = self;
        outlook.sums::<S, E, MOMENTS, COUNT>(*simd, block, frame, room)
    }

    /// Whether most blocks hold a logit above the threshold, so that counting
    /// along costs less than a pass of its own where it is needed. The likely
    /// targets that language models are scored on have few logits above them.
    #[inline(always)]
    fn counts_often(&self, block: Block) -> bool {
        2 * self.greater > (block.start % CHUNK / BLOCK) as u64
    }

    #[inline(always)]
    fn count(&mut self, block: Block) {
        self.greater += count_greater::<S, E>(self.simd, block, self.frame.threshold);
    }

    /// Reads a block, or a piece of one, whose maximum may be the row's (`max`, if it has
    /// been looked for), or that wants another centre. Tells whether it is.
    #[inline(always)]
    fn push_cautiously(&mut self, block: Block, max: Option<f64>) -> bool {
        let max = match max {
            Some(max) => max,
            None => largest::<S, E, true>(self.simd, block).to_f64(),
        };
        let known = self.totals.max;
        let nothing_finite = max == f64::NEG_INFINITY && known == f64::NEG_INFINITY;
        let reached = max >= known && !nothing_finite;
        if reached {
            let (first, count) = locate::<S, E>(self.simd, block, E::Lane::from_f64(max));
            if max > known {
                self.totals.raise(max);
                self.reframe();
                self.totals.argmax = first;
            }
            self.totals.count += count;
        }
        if nothing_finite || self.totals.max == f64::INFINITY {
            // There are no weights to sum, or they do not matter any more.
            self.totals.nan |= has_nan::<S, E>(self.simd, block);
            return reached;
        }
        let mut again = true;
        let sums = loop {
            let sums = if self.totals.shifted {
                moments::<S, E, MOMENTS, false, SHIFTED>(
                    self.simd,
                    block,
                    &self.frame,
                    &mut self.room,
                )
            } else {
                moments::<S, E, MOMENTS, false, BELOW>(
                    self.simd,
                    block,
                    &self.frame,
                    &mut self.room,
                )
            };
            if !(again && self.totals.is_outweighed(&sums)) {
                break sums;
            }
            self.totals.centre_on(&sums);
            self.reframe();
            again = false;
        };
        self.commit(&sums);
        reached
    }

    #[inline(always)]
    fn commit(&mut self, block: &Sums) {
        if self.totals.add(block) {
            self.reframe();
        }
    }

    /// Logits above the threshold, as far as `push` was asked to count them.
    pub(crate) fn greater(&self) -> u64 {
        self.greater
    }

    /// What has been read.
    pub(crate) fn finish(&self) -> Part {
        self.totals.finish()
    }
}
