//! What the processor is quick at, which its instruction sets do not tell.

use std::num::NonZeroUsize;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

static FAR_REQUESTS: AtomicUsize = AtomicUsize::new(FAR);
static SCALES_IN_ONE: AtomicBool = AtomicBool::new(true);
static KEEPS_UP: AtomicBool = AtomicBool::new(false);

/// How far [`far_requests`] reach, and how far on Zen 4.
const FAR: usize = 32768;
const FAR_ON_ZEN_4: usize = 20480;

/// Families of AMD's processors.
const ZEN_3_AND_4: u32 = 0x19;
const ZEN_5: u32 = 0x1a;

/// Learns it. What has not been learnt is taken for granted.
pub(super) fn learn() {
    static LEARNT: Once = Once::new();
    LEARNT.call_once(|| {
        let family = amd_family();
        let others = family.is_none_or(|family| family < ZEN_5);
        let is_zen_4 = family == Some(ZEN_3_AND_4);
        let far = if is_zen_4 { FAR_ON_ZEN_4 } else { FAR };
        FAR_REQUESTS.store(if others { far } else { 0 }, Ordering::Relaxed);
        SCALES_IN_ONE.store(others, Ordering::Relaxed);
        KEEPS_UP.store(is_zen_4, Ordering::Relaxed);
    });
}

/// How many bytes ahead it pays to ask for cache lines from far away into the second-level
/// cache, if it does. There are more places for lines on their way there than to the first:
/// 48 to 16 on Sapphire Rapids. Zen 5 has no use for them.
#[inline(always)]
pub(super) fn far_requests() -> Option<NonZeroUsize> {
    NonZeroUsize::new(FAR_REQUESTS.load(Ordering::Relaxed))
}

/// Whether the processor's own requests keep up with passes that do next to nothing with
/// what they read, and others are in their way, as on Zen 4.
#[inline(always)]
pub(super) fn keeps_up() -> bool {
    KEEPS_UP.load(Ordering::Relaxed)
}

/// Whether a register is [scaled by powers of two](super::Lanes::SATURATES) as quickly as
/// it is multiplied. Zen 5 has one unit for it, which two more operations of integers are
/// no slower than: entropy takes 10.8 microseconds for a row in its cache in place of 12.3.
/// Zen 4 takes two cycles for any operation on such a register: there fewer of them make it
/// 21.7 in place of 22.9.
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
fn amd_family() -> Option<u32> {
    #[allow(unused_unsafe, reason = "safe from Rust 1.94 on")]
    // SAFETY: every processor of 64 bits has the instruction, and its leaves 0 and 1.
    let (vendor, version) = unsafe {
        use std::arch::x86_64::__cpuid;
        (__cpuid(0), __cpuid(1).eax)
    };
    let name = [vendor.ebx, vendor.edx, vendor.ecx].map(u32::to_le_bytes);
    // The extended family counts from where the four bits of the first end.
    (name.as_flattened() == b"AuthenticAMD")
        .then_some((version >> 8 & 0xf) + (version >> 20 & 0xff))
}

#[cfg(not(target_arch = "x86_64"))]
fn amd_family() -> Option<u32> {
    None
}
