//! What the processor is quick at, which its instruction sets do not tell.

use std::num::NonZeroUsize;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

static FAR_REQUESTS: AtomicUsize = AtomicUsize::new(FAR);
static NEAR_REQUESTS: AtomicUsize = AtomicUsize::new(NEAR);
static TAKES_BURSTS: AtomicBool = AtomicBool::new(true);
static SCALES_IN_ONE: AtomicBool = AtomicBool::new(true);
static KEEPS_UP: AtomicBool = AtomicBool::new(false);
static STREAMS: AtomicBool = AtomicBool::new(false);

/// How far [`far_requests`] reach, how far on Zen 4, and how far on Intel's processors.
const FAR: usize = 32768;
const FAR_ON_ZEN_4: usize = 20480;
const FAR_ON_INTEL: usize = 16384;

/// How far [`near_requests`] reach, and how far on Intel's processors.
const NEAR: usize = 10240;
const NEAR_ON_INTEL: usize = 4096;

/// Families of AMD's processors.
const ZEN_3_AND_4: u32 = 0x19;
const ZEN_5: u32 = 0x1a;

/// Who made the processor.
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
enum Maker {
    Amd { family: u32 },
    Intel,
    Other,
}

/// Learns it. What has not been learnt is taken for granted.
pub(super) fn learn() {
    static LEARNT: Once = Once::new();
    LEARNT.call_once(|| {
        let (mut far, mut near) = (FAR, NEAR);
        match maker() {
            Maker::Amd { family: ZEN_3_AND_4 } => {
                far = FAR_ON_ZEN_4;
                KEEPS_UP.store(true, Ordering::Relaxed);
            }
            Maker::Amd { family: ZEN_5.. } => {
                far = 0;
                SCALES_IN_ONE.store(false, Ordering::Relaxed);
            }
            Maker::Intel => {
                (far, near) = (FAR_ON_INTEL, NEAR_ON_INTEL);
                TAKES_BURSTS.store(false, Ordering::Relaxed);
                STREAMS.store(true, Ordering::Relaxed);
            }
            Maker::Amd { .. } | Maker::Other => {}
        }
        FAR_REQUESTS.store(far, Ordering::Relaxed);
        NEAR_REQUESTS.store(near, Ordering::Relaxed);
    });
}

/// How many bytes ahead it pays to ask for cache lines from far away into the second-level
/// cache, if it does. There are more places for lines on their way there than to the first:
/// 48 to 16 on Sapphire Rapids. Zen 5 has no use for them.
#[inline(always)]
pub(super) fn far_requests() -> Option<NonZeroUsize> {
    NonZeroUsize::new(FAR_REQUESTS.load(Ordering::Relaxed))
}

/// How many bytes ahead to ask for cache lines into the first-level cache.
#[inline(always)]
pub(super) fn near_requests() -> Option<NonZeroUsize> {
    NonZeroUsize::new(NEAR_REQUESTS.load(Ordering::Relaxed))
}

/// Whether several cache lines may be asked for in the same cycle. Intel's processors have
/// to be asked for one after the other: it seems that requests which find no place are tried
/// again and again, and keep the ports from loads that would find theirs. On a Xeon with the
/// features of Granite Rapids, from which `numpy.max` reads 14.8 GB/s on one thread, the
/// entropy of rows of 128,256 runs at 11.7 GB/s with bursts of four lines, at 13.2 with a
/// loop over them, at 14.3 with three cycles between one and the next, at 14.8 with six,
/// nine or twelve; KL of two of them at 11.4, 13.0, 13.8 and 13.5 to 14.3. At that pace it
/// makes no difference whether they reach 2, 4 or 10 KiB ahead (8, 16 or 32 the far ones),
/// but for pages of 4 KiB, where entropy has 0.87 of the bandwidth with the farthest and
/// 0.93 with the others.
#[inline(always)]
pub(super) fn takes_bursts() -> bool {
    TAKES_BURSTS.load(Ordering::Relaxed)
}

/// Whether the processor's own requests keep up with passes that do next to nothing with
/// what they read, and others are in their way, as on Zen 4.
#[inline(always)]
pub(super) fn keeps_up() -> bool {
    KEEPS_UP.load(Ordering::Relaxed)
}

/// Whether values for every logit are better stored around the cache, where it has no room for
/// them. On a Xeon with the features of Granite Rapids the log-probabilities of a row of
/// 128,256 take 71 microseconds so, 127 through the cache, a gradient 74 and 112; a tenth more
/// where the cache has room for all. On Zen 4 log-probabilities take a twentieth less time so,
/// and probabilities a tenth more.
#[inline(always)]
pub(super) fn streams() -> bool {
    STREAMS.load(Ordering::Relaxed)
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
fn maker() -> Maker {
    #[allow(unused_unsafe, reason = "safe from Rust 1.94 on")]
    // SAFETY: every processor of 64 bits has the instruction, and its leaves 0 and 1.
    let (vendor, version) = unsafe {
        use std::arch::x86_64::__cpuid;
        (__cpuid(0), __cpuid(1).eax)
    };
    let name = [vendor.ebx, vendor.edx, vendor.ecx].map(u32::to_le_bytes);
    match name.as_flattened() {
        // The extended family counts from where the four bits of the first end.
        b"AuthenticAMD" => {
            Maker::Amd { family: (version >> 8 & 0xf) + (version >> 20 & 0xff) }
        }
        b"GenuineIntel" => Maker::Intel,
        _ => Maker::Other,
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn maker() -> Maker {
    Maker::Other
}
