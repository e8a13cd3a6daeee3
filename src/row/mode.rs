//! How a pass weighs the logits of a block: what it takes for granted of them, and what it
//! has to see to.
//!
//! [`PLAIN`] passes take for granted that no logit is -inf, or so low that it shows in a sum
//! whether its weight is the least or none. That saves raising the low ones, one operation of
//! eleven: entropy takes 16.5 microseconds for a row of 128,256 in place of 17.3, statistics
//! with second moments 20.6 in place of 21.8 (Zen 4, AVX-512). The sum of a block tells whether
//! it holds: -inf makes it NaN, low logits alone leave it small. Where it does not, the block
//! is weighed again, and so are the others of its row from the start.
//!
//! [`GUARDED`] ones are for weights that do not saturate. With few registers, to lower what is
//! too large takes as many operations as to find the largest, and no register. With more of
//! them it lengthens the chain that weights wait for: 19.5 microseconds for entropy in place
//! of 18.6.

use super::blocks::Block;
use super::moments::{Frame, Room, Sums, moments};
use crate::element::{Element, Real, Vector};
use crate::math::exp2::Weigher;
use crate::simd::{Lanes, Simd};

/// Too large a weight [saturates](Lanes::SATURATES), nothing is raised.
pub(crate) const PLAIN: u8 = 0;
/// Too large a weight saturates.
pub(crate) const SATURATING: u8 = 1;
/// Too large a logit is found, or [lowered](crate::math::exp2::Weigher::lowered).
pub(crate) const GUARDED: u8 = 2;
/// Logits equal to the frame's maximum are left out, there is none that is larger.
pub(crate) const BELOW: u8 = 3;
/// The same, and logits are shifted before they are weighed.
pub(crate) const SHIFTED: u8 = 4;

/// Whether low logits are raised to the least that has a weight.
pub(super) const fn raises(mode: u8) -> bool {
    mode != PLAIN
}

/// Whether logits equal to the maximum are left out.
pub(super) const fn leaves_out(mode: u8) -> bool {
    mode == BELOW || mode == SHIFTED
}

/// Whether a pass finds the largest logit along with the sums.
pub(super) const fn watches<V: Lanes>(mode: u8) -> bool {
    mode == GUARDED && !V::FEW_REGISTERS
}

/// Whether it lowers what would weigh too much, so that the sum tells of it.
pub(super) const fn lowers<V: Lanes>(mode: u8) -> bool {
    mode == GUARDED && V::FEW_REGISTERS
}

/// Whether a sum tells of too large a weight, whichever of the modes for blocks below the
/// maximum it is made in.
pub(super) fn sums_tell_of_large<V: Lanes<Scalar: Real>>(weigher: &Weigher<V, true>) -> bool {
    weigher.may_saturate() || lowers::<V>(GUARDED)
}

/// A block's sum of weights, relative to the reference, from which on it does not matter to
/// any of its bits what the lowest logits weigh, 2^-123 or nothing.
const ENOUGH: f64 = 1.0 / (1_u64 << 40) as f64;

/// Which mode a row's blocks are weighed in.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outlook {
    /// Blocks are not taken for plain any more: some logits are -inf, or as good as that, or
    /// weights do not saturate.
    guarded: bool,
}

impl Outlook {
    /// The sums of a block on the supposition that it is below the frame's maximum.
    #[inline(always)]
    pub(crate) fn sums<S: Simd, E: Element, const MOMENTS: u8, const COUNT: bool>(
        &mut self,
        simd: S,
        block: Block,
        frame: &Frame<Vector<E, S>>,
        room: &mut Room<Vector<E, S>>,
    ) -> Sums {
        if !frame.weigher.may_saturate() {
            self.guarded = true;
            return moments::<S, E, MOMENTS, COUNT, GUARDED>(simd, block, frame, room);
        }
        if !self.guarded {
            let sums = moments::<S, E, MOMENTS, COUNT, PLAIN>(simd, block, frame, room);
            if sums.weight >= ENOUGH {
                return sums;
            }
            self.guarded = true;
        }
        moments::<S, E, MOMENTS, COUNT, SATURATING>(simd, block, frame, room)
    }

    /// Whether sums of a part of that block are in doubt, so that all of it has to be weighed
    /// again.
    #[inline(always)]
    pub(crate) fn doubts(&mut self, part: &Sums) -> bool {
        let holds = self.guarded || part.weight >= ENOUGH;
        self.guarded |= !holds;
        !holds
    }
}
