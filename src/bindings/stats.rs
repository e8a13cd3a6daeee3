//! One function per statistic.
#![allow(
    clippy::too_many_arguments,
    reason = "private functions, called by position from one place each"
)]

use pyo3::prelude::*;

use super::arrays::{Call, Cells, TargetIds, Temperature, array, real};
use crate::row;

type Object<'py> = PyResult<Bound<'py, PyAny>>;

/// See the function of this name in Python.
#[pyfunction]
pub(super) fn logsumexp<'py>(
    py: Python<'py>,
    cells: Cells<'py>,
    element: String,
    swapped: bool,
    temperature: Temperature<'py>,
    wide: bool,
    threads: Option<i64>,
) -> Object<'py> {
    let call = Call::new(cells, element, swapped, temperature, threads);
    let values = call.compute(py, &row::LogSumExp)?;
    real(py, call.row_shape(), &values, wide || call.is_wide())
}

/// See the function of this name in Python.
#[pyfunction]
pub(super) fn entropy<'py>(
    py: Python<'py>,
    cells: Cells<'py>,
    element: String,
    swapped: bool,
    temperature: Temperature<'py>,
    scale: f64,
    wide: bool,
    threads: Option<i64>,
) -> Object<'py> {
    let call = Call::new(cells, element, swapped, temperature, threads);
    let values = call.compute(py, &row::Entropy { scale })?;
    real(py, call.row_shape(), &values, wide || call.is_wide())
}

/// See the function of this name in Python.
#[pyfunction]
pub(super) fn varentropy<'py>(
    py: Python<'py>,
    cells: Cells<'py>,
    element: String,
    swapped: bool,
    temperature: Temperature<'py>,
    scale: f64,
    wide: bool,
    threads: Option<i64>,
) -> Object<'py> {
    let call = Call::new(cells, element, swapped, temperature, threads);
    let values = call.compute(py, &row::Varentropy { scale })?;
    real(py, call.row_shape(), &values, wide || call.is_wide())
}

/// See the function of this name in Python.
#[pyfunction]
pub(super) fn log_prob<'py>(
    py: Python<'py>,
    cells: Cells<'py>,
    element: String,
    swapped: bool,
    targets: TargetIds<'py>,
    ignore_index: Option<i64>,
    temperature: Temperature<'py>,
    scale: f64,
    wide: bool,
    threads: Option<i64>,
) -> Object<'py> {
    let call = Call::new(cells, element, swapped, temperature, threads)
        .with_targets(Some(targets), ignore_index);
    let values = call.compute(py, &row::LogProb { scale })?;
    real(py, call.target_shape(), &values, wide || call.is_wide())
}

/// See the function of this name in Python.
#[pyfunction]
pub(super) fn rank<'py>(
    py: Python<'py>,
    cells: Cells<'py>,
    element: String,
    swapped: bool,
    targets: TargetIds<'py>,
    ignore_index: Option<i64>,
    threads: Option<i64>,
) -> Object<'py> {
    let call = Call::new(cells, element, swapped, Temperature::One(1.0), threads)
        .with_targets(Some(targets), ignore_index);
    let values = call.compute(py, &row::Rank)?;
    array(py, call.target_shape(), &values)
}

/// The fields of `TokenStats`, in its order.
type Fields<'py> = (
    Bound<'py, PyAny>,
    Bound<'py, PyAny>,
    Bound<'py, PyAny>,
    Bound<'py, PyAny>,
    Bound<'py, PyAny>,
    Bound<'py, PyAny>,
    Bound<'py, PyAny>,
    Option<Bound<'py, PyAny>>,
    Option<Bound<'py, PyAny>>,
);

/// See the function of this name in Python.
#[pyfunction]
pub(super) fn token_stats<'py>(
    py: Python<'py>,
    cells: Cells<'py>,
    element: String,
    swapped: bool,
    targets: Option<TargetIds<'py>>,
    ignore_index: Option<i64>,
    temperature: Temperature<'py>,
    scale: f64,
    wide: bool,
    threads: Option<i64>,
) -> PyResult<Fields<'py>> {
    let call = Call::new(cells, element, swapped, temperature, threads)
        .with_targets(targets, ignore_index);
    let targets = call.has_targets();
    let columns = call.compute(py, &row::TokenStats { scale, targets })?;
    let wide = wide || call.is_wide();
    let rows = call.row_shape();
    let each = call.target_shape();
    Ok((
        real(py, rows, &columns.max, wide)?,
        array(py, rows, &columns.argmax)?,
        real(py, rows, &columns.logsumexp, wide)?,
        real(py, rows, &columns.entropy, wide)?,
        real(py, rows, &columns.varentropy, wide)?,
        real(py, rows, &columns.max_prob, wide)?,
        array(py, rows, &columns.valid)?,
        targets.then(|| real(py, each, &columns.log_prob, wide)).transpose()?,
        targets.then(|| array(py, each, &columns.rank)).transpose()?,
    ))
}
