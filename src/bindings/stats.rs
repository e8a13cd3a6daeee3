//! One function per statistic.
#![allow(
    clippy::too_many_arguments,
    reason = "private functions, called by position from one place each"
)]

use numpy::PyUntypedArrayMethods;
use pyo3::prelude::*;

use super::arrays::{Call, Cells, Out, OutIds, TargetIds, Temperature, array, real};
use crate::batch::Top;
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
#[pyo3(signature = (
    cells, element, swapped, targets, ignore_index, temperature, scale, wide, threads,
    top_ids = None, top_log_probs = None,
))]
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
    top_ids: Option<OutIds<'py>>,
    top_log_probs: Option<Out<'py>>,
) -> PyResult<Fields<'py>> {
    let call = Call::new(cells, element, swapped, temperature, threads)
        .with_targets(targets, ignore_index);
    let targets = call.has_targets();
    let (mut ids, mut values, mut log_probs) = (top_ids, None, top_log_probs);
    let top = places(&mut ids, &mut values, &mut log_probs, scale)?;
    let columns = call.compute_with_top(py, &row::TokenStats { scale, targets }, top)?;
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

/// See the function of this name in Python.
#[pyfunction]
pub(super) fn topk<'py>(
    py: Python<'py>,
    cells: Cells<'py>,
    element: String,
    swapped: bool,
    by_index: bool,
    temperature: Temperature<'py>,
    values: Out<'py>,
    ids: OutIds<'py>,
    log_probs: Option<Out<'py>>,
    threads: Option<i64>,
) -> PyResult<()> {
    let call = Call::new(cells, element, swapped, temperature, threads);
    let statistic = row::TopK { log_probs: log_probs.is_some() };
    let (mut ids, mut values, mut log_probs) = (Some(ids), Some(values), log_probs);
    let places = places(&mut ids, &mut values, &mut log_probs, 1.0)?;
    call.compute_with_top(py, &statistic, Top { by_index, ..places })
}

/// Places for the largest logits, as many for each row as the last axis of `ids` has.
fn places<'a>(
    ids: &'a mut Option<OutIds<'_>>,
    values: &'a mut Option<Out<'_>>,
    log_probs: &'a mut Option<Out<'_>>,
    scale: f64,
) -> PyResult<Top<'a>> {
    let Some(ids) = ids else {
        return Ok(Top::default());
    };
    let bytes = |out: &'a mut Option<Out<'_>>| -> PyResult<&'a mut [u8]> {
        Ok(match out {
            Some(out) => out.as_slice_mut()?,
            None => Default::default(),
        })
    };
    Ok(Top {
        k: ids.shape().last().copied().unwrap_or_default(),
        by_index: false,
        scale,
        values: bytes(values)?,
        ids: ids.as_slice_mut()?,
        log_probs: bytes(log_probs)?,
    })
}
