//! Threads and instruction sets.

use pyo3::prelude::*;

use crate::simd::Isa;
use crate::threads;

/// Sets the number of threads; None takes it back.
#[pyfunction]
pub(super) fn set_num_threads(threads: Option<i64>) -> PyResult<()> {
    threads::set(threads::checked(threads)?);
    Ok(())
}

/// The number of threads, and where it came from.
#[pyfunction]
pub(super) fn num_threads() -> PyResult<(usize, &'static str)> {
    Ok(threads::current()?)
}

/// The instruction sets of this machine, best last, and the one in use.
#[pyfunction]
pub(super) fn instruction_sets() -> PyResult<(Vec<&'static str>, &'static str)> {
    let found = Isa::available().into_iter().map(Isa::name).collect();
    Ok((found, Isa::current()?.name()))
}

/// Takes this instruction set from now on; None takes that back.
#[pyfunction]
pub(super) fn use_instruction_set(name: Option<&str>) -> PyResult<()> {
    Isa::force(name.map(Isa::parse).transpose()?);
    Ok(())
}
