//! Which instruction sets there are, which this machine has, which one is in use.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

use super::portable::Portable;
use super::{Kernel, processor};
use crate::error::Error;

/// The variable that forces a lower instruction set.
const VARIABLE: &str = "LOGITKIT_ISA";

/// An instruction set, from the least to the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Isa {
    /// Plain arrays that the compiler vectorises for the target's baseline.
    Portable,
    /// AVX2 with FMA and F16C.
    Avx2,
    /// AVX-512 F, BW, DQ and VL.
    Avx512,
}

/// With this on the stack of a kernel from its start, the compiler aligns the stack. If it
/// finds out only when it has handed out all registers that some have to be kept there, it
/// can't any more, and each of them lies across two cache lines.
#[cfg(target_arch = "x86_64")]
#[repr(align(64))]
pub(crate) struct Aligned {
    pub(crate) _byte: u8,
}

/// Defines a token from ONE list of features: the run-time check and the
/// `#[target_feature]` of the trampoline can't drift apart.
#[cfg(target_arch = "x86_64")]
macro_rules! define_token {
    ($(#[$doc:meta])* $token:ident: $($feature:tt)+) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub(crate) struct $token(());

        impl $token {
            /// The token, if the processor and the operating system have the set.
            pub(crate) fn detect() -> Option<Self> {
                ($(std::arch::is_x86_feature_detected!($feature))&&+).then_some(Self(()))
            }

            /// Runs `kernel` compiled for this set.
            pub(crate) fn run<K: $crate::simd::Kernel>(self, kernel: K) -> K::Output {
                #[inline(never)]
                #[target_feature($(enable = $feature),+)]
                fn trampoline<K: $crate::simd::Kernel>(token: $token, kernel: K) -> K::Output {
                    std::hint::black_box(&mut $crate::simd::isa::Aligned { _byte: 0 });
                    kernel.run(token)
                }
                // SAFETY: `self` exists, so `detect` has found every feature that
                // the trampoline enables: both come from the same list.
                unsafe { trampoline(self, kernel) }
            }
        }
    };
}
#[cfg(target_arch = "x86_64")]
pub(crate) use define_token;

impl Isa {
    const ALL: [Isa; 3] = [Isa::Portable, Isa::Avx2, Isa::Avx512];

    /// The name that users write.
    pub fn name(self) -> &'static str {
        match self {
            Isa::Portable => "portable",
            Isa::Avx2 => "avx2",
            Isa::Avx512 => "avx512",
        }
    }

    /// The set of that name, if this machine has it.
    pub fn parse(name: &str) -> Result<Isa, Error> {
        let known = Isa::ALL.into_iter().find(|isa| isa.name() == name);
        let found = || Isa::available().iter().map(|isa| isa.name()).collect();
        match known {
            None => Err(Error::UnknownIsa { name: name.into(), found: found() }),
            Some(isa) if !isa.is_available() => {
                Err(Error::AbsentIsa { name: isa.name(), found: found() })
            }
            Some(isa) => Ok(isa),
        }
    }

    /// Whether this build has code for the set and this machine can run it.
    fn is_available(self) -> bool {
        match self {
            Isa::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => super::avx2::Avx2::detect().is_some(),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => super::avx512::Avx512::detect().is_some(),
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }

    /// The sets of this machine, the best last.
    pub fn available() -> Vec<Isa> {
        Isa::ALL.into_iter().filter(|isa| isa.is_available()).collect()
    }

    /// The set in use: forced by [`Isa::force`], else by `LOGITKIT_ISA` as it
    /// stood at the first call, else the best.
    pub fn current() -> Result<Isa, Error> {
        static CHOSEN: OnceLock<Result<Isa, Error>> = OnceLock::new();
        match FORCED.load(Ordering::Relaxed) {
            UNFORCED => CHOSEN.get_or_init(choose).clone(),
            index => Ok(Isa::ALL[index as usize]),
        }
    }

    /// Uses this set from now on; `None` takes the force away.
    pub fn force(isa: Option<Isa>) {
        FORCED.store(isa.map_or(UNFORCED, |isa| isa as u8), Ordering::Relaxed);
    }

    /// Runs `kernel` compiled for this set.
    pub fn run<K: Kernel>(self, kernel: K) -> K::Output {
        processor::learn();
        match self {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => match super::avx512::Avx512::detect() {
                Some(token) => token.run(kernel),
                None => portable(kernel),
            },
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => match super::avx2::Avx2::detect() {
                Some(token) => token.run(kernel),
                None => portable(kernel),
            },
            _ => portable(kernel),
        }
    }
}

/// In a function of its own, so that the fallback arms above cost no third copy
/// of the kernel.
#[inline(never)]
fn portable<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Portable)
}

const UNFORCED: u8 = u8::MAX;
static FORCED: AtomicU8 = AtomicU8::new(UNFORCED);

fn choose() -> Result<Isa, Error> {
    match std::env::var(VARIABLE) {
        Ok(name) if !name.is_empty() => Isa::parse(&name),
        Err(std::env::VarError::NotUnicode(name)) => Isa::parse(&name.to_string_lossy()),
        _ => Ok(*Isa::available().last().unwrap_or(&Isa::Portable)),
    }
}
