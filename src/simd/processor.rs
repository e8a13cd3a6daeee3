//! What the processor is quick at, which its instruction sets do not tell.

use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

static HAS_FAR_QUEUE: AtomicBool = AtomicBool::new(true);
static SCALES_IN_ONE: AtomicBool = AtomicBool::new(true);

/// Learns it. What has not been learnt is taken for granted.
pub(super) fn learn() {
    static LEARNT: Once = Once::new();
    LEARNT.call_once(|| {
        let others = !is_amd();
        HAS_FAR_QUEUE.store(others, Ordering::Relaxed);
        SCALES_IN_ONE.store(others, Ordering::Relaxed);
    });
}

/// Whether there are more places for cache lines on their way to the second-level cache
/// than to the first: 48 to 16 on Sapphire Rapids. Zen 5 has no use for them.
#[inline(always)]
pub(super) fn has_far_queue() -> bool {
    HAS_FAR_QUEUE.load(Ordering::Relaxed)
}

/// Whether a register is [scaled by powers of two](super::Lanes::SATURATES) as quickly as
/// it is multiplied. Zen 5 has one unit for it, which two more operations of integers are
/// no slower than: entropy takes 10.8 microseconds for a row in its cache in place of 12.3.
#[inline(always)]
pub(crate) fn scales_in_one() -> bool {
    SCALES_IN_ONE.load(Ordering::Relaxed)
}

/// Has tests go either way. What they compute must be the same, so others may run meanwhile.
#[cfg(test)]
pub(crate) fn pretend(scales_in_one: bool) {
    learn();
    SCALES_IN_ONE.store(scales_in_one, Ordering::Relaxed);
}

#[cfg(target_arch = "x86_64")]
fn is_amd() -> bool {
    #[allow(unused_unsafe, reason = "safe from Rust 1.94 on")]
    // SAFETY: every processor of 64 bits has the instruction, and its leaf 0.
    let vendor = unsafe { std::arch::x86_64::__cpuid(0) };
    let name = [vendor.ebx, vendor.edx, vendor.ecx].map(u32::to_le_bytes);
    name.as_flattened() == b"AuthenticAMD"
}

#[cfg(not(target_arch = "x86_64"))]
fn is_amd() -> bool {
    false
}
