//! Elementary functions over virtual registers.
#![forbid(unsafe_code)]

pub(crate) mod excess;
pub(crate) mod exp2;
pub(crate) mod jensen_shannon;
pub(crate) mod log;
pub(crate) mod narrow;
mod polynomial;

#[cfg(test)]
mod tests;
