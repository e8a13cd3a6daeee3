//! The core of logitkit: statistics of rows of logits, each logit read once.
//!
//! The way of a call:
//!
//! ```text
//! bindings   Python's arguments to typed rows; the GIL released; errors mapped
//!   batch    rows, and chunks of few long rows, over the threads
//!     row    one file per statistic, over one shared way of reading a row
//!     weights
//!            the same for rows of weights instead of logits
//!     binary losses of logits that are each on their own
//!     filter which tokens a chain of steps leaves
//!     sample which tokens a random number draws
//!       select the largest logits of a row
//!       math   the exponential, the logarithm
//!         simd   instruction sets, registers, strided memory: all `unsafe` is here
//! ```
//!
//! `element` names the types of logits, `threads` holds the threads, `error` what
//! can be wrong. A kernel is written once, over an instruction set
//! ([`simd::Simd`]) and an element type ([`element::Element`]).

pub mod batch;
pub mod binary;
#[cfg(feature = "python")]
mod bindings;
pub mod element;
pub mod error;
pub mod filter;
mod math;
pub mod row;
pub mod sample;
pub mod select;
pub mod simd;
pub mod threads;
pub mod weights;
