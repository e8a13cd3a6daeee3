//! Statistics of rows of weights.
#![allow(
    clippy::too_many_arguments,
    reason = "private functions, called by position from one place each"
)]

use numpy::PyUntypedArrayMethods;
use pyo3::prelude::*;

use super::arrays::{Cells, array, interruptible};
use crate::batch::{of_weights, of_weights_in_pairs};
use crate::simd::strided::StridedRows;
use crate::threads;
use crate::weights::{Entropy, Pair, PairStatistic, Source};

/// `None` if some row has no distribution.
type Object<'py> = PyResult<Option<Bound<'py, PyAny>>>;

/// Rows of numbers of the type of that name.
pub(super) fn source<'a>(
    cells: &'a Cells,
    element: &str,
    swapped: bool,
) -> PyResult<Source<'a>> {
    Ok(Source::new(StridedRows::new(cells.as_array(), swapped)?, element)?)
}

/// A result for each row of `cells`, in units of `1 / scale` nats.
fn per_row<'py>(
    py: Python<'py>,
    cells: &Cells<'py>,
    mut nats: Vec<f64>,
    scale: f64,
) -> Object<'py> {
    if nats.iter().any(|x| x.is_nan()) {
        return Ok(None);
    }
    nats.iter_mut().for_each(|x| *x *= scale);
    let shape = cells.shape();
    array(py, &shape[..shape.len().saturating_sub(2)], &nats).map(Some)
}

/// See `logitkit.dist.entropy`.
#[pyfunction]
pub(super) fn entropy_of_weights<'py>(
    py: Python<'py>,
    cells: Cells<'py>,
    element: String,
    swapped: bool,
    scale: f64,
    threads: Option<i64>,
) -> Object<'py> {
    let threads = threads::checked(threads)?;
    let entropy = Entropy::new(source(&cells, &element, swapped)?)?;
    let nats = interruptible(py, |interrupted| of_weights(&entropy, threads, interrupted))?;
    per_row(py, &cells, nats, scale)
}

/// The rows of two arrays.
struct PairCall<'py> {
    cells: [Cells<'py>; 2],
    elements: [String; 2],
    swapped: [bool; 2],
}

impl<'py> PairCall<'py> {
    fn compute(
        &self,
        py: Python<'py>,
        statistic: PairStatistic,
        scale: f64,
        threads: Option<i64>,
    ) -> Object<'py> {
        let threads = threads::checked(threads)?;
        let side = |i: usize| source(&self.cells[i], &self.elements[i], self.swapped[i]);
        let pairs = Pair::new([side(0)?, side(1)?], statistic)?;
        let nats = interruptible(py, |interrupted| {
            of_weights_in_pairs(&pairs, threads, interrupted)
        })?;
        per_row(py, &self.cells[0], nats, scale)
    }
}

/// See `logitkit.dist.cross_entropy`.
#[pyfunction]
pub(super) fn cross_entropy_of_weights<'py>(
    py: Python<'py>,
    p_cells: Cells<'py>,
    p_element: String,
    p_swapped: bool,
    q_cells: Cells<'py>,
    q_element: String,
    q_swapped: bool,
    scale: f64,
    threads: Option<i64>,
) -> Object<'py> {
    let call = PairCall {
        cells: [p_cells, q_cells],
        elements: [p_element, q_element],
        swapped: [p_swapped, q_swapped],
    };
    call.compute(py, PairStatistic::CrossEntropy, scale, threads)
}

/// See `logitkit.dist.kl_divergence`.
#[pyfunction]
pub(super) fn kl_divergence_of_weights<'py>(
    py: Python<'py>,
    p_cells: Cells<'py>,
    p_element: String,
    p_swapped: bool,
    q_cells: Cells<'py>,
    q_element: String,
    q_swapped: bool,
    scale: f64,
    threads: Option<i64>,
) -> Object<'py> {
    let call = PairCall {
        cells: [p_cells, q_cells],
        elements: [p_element, q_element],
        swapped: [p_swapped, q_swapped],
    };
    call.compute(py, PairStatistic::KullbackLeibler, scale, threads)
}

/// See `logitkit.dist.js_divergence`.
#[pyfunction]
pub(super) fn js_divergence_of_weights<'py>(
    py: Python<'py>,
    p_cells: Cells<'py>,
    p_element: String,
    p_swapped: bool,
    q_cells: Cells<'py>,
    q_element: String,
    q_swapped: bool,
    scale: f64,
    threads: Option<i64>,
) -> Object<'py> {
    let call = PairCall {
        cells: [p_cells, q_cells],
        elements: [p_element, q_element],
        swapped: [p_swapped, q_swapped],
    };
    call.compute(py, PairStatistic::JensenShannon, scale, threads)
}
