//! Elementary functions over virtual registers.
#![forbid(unsafe_code)]

pub(crate) mod excess;
pub(crate) mod exp2;
pub(crate) mod jensen_shannon;

#[cfg(test)]
mod tests;
