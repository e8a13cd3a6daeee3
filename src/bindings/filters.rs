//! Filters: compact results, and dense ones.
#![allow(
    clippy::too_many_arguments,
    reason = "private functions, called by position from one place each"
)]

use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;

use super::arrays::{Cells, Interrupted, Out, array, interruptible};
use crate::batch::{DenseFilter, Destination, Filter, Kept, PerRow, Reals, Tokens};
use crate::element::{BFloat16, Element, Float16, Float32, Float64, ForElement, for_element};
use crate::error::Error;
use crate::simd::strided::StridedRows;
use crate::threads;

/// Names of steps, in order, with a number for each row for each of their parameters.
pub(super) type Steps<'py> = Vec<(String, Vec<PyReadonlyArray1<'py, f64>>)>;

/// What a chain does, of a call.
pub(super) struct Chain<'a, 'py> {
    pub(super) steps: &'a Steps<'py>,
    pub(super) joint: bool,
    pub(super) ties_all: bool,
    pub(super) min_keep: usize,
}

impl Chain<'_, '_> {
    pub(super) fn filter(&self) -> PyResult<Filter<'_>> {
        let mut steps = Vec::with_capacity(self.steps.len());
        for (name, parameters) in self.steps {
            let mut own = Vec::with_capacity(parameters.len());
            for parameter in parameters {
                own.push(PerRow::Each(parameter.as_slice()?));
            }
            steps.push((name.clone(), own));
        }
        let Self { joint, ties_all, min_keep, .. } = *self;
        Ok(Filter { steps, joint, ties_all, min_keep })
    }
}

/// Work that waits for its element type.
struct Compact<'a> {
    filter: &'a Filter<'a>,
    rows: &'a StridedRows<'a>,
    threads: Option<usize>,
    interrupted: Interrupted<'a>,
}

impl ForElement for Compact<'_> {
    type Output = Result<Kept, Error>;

    fn run<E: Element>(self) -> Self::Output {
        self.filter.compact::<E>(self.rows, self.threads, self.interrupted)
    }
}

type Array<'py> = Bound<'py, PyAny>;

/// Ids, logits and log-probabilities.
type TokenColumns<'py> = (Array<'py>, Array<'py>, Array<'py>);

/// Counts; the tokens; for each row the mass and the largest logit; the rows that are not
/// decided.
type Columns<'py> = (Array<'py>, TokenColumns<'py>, Array<'py>, Array<'py>, Array<'py>);

/// See the function of this name in Python.
#[pyfunction]
pub(super) fn candidates<'py>(
    py: Python<'py>,
    cells: Cells<'py>,
    element: String,
    swapped: bool,
    steps: Steps<'py>,
    joint: bool,
    ties_all: bool,
    min_keep: usize,
    threads: Option<i64>,
) -> PyResult<Columns<'py>> {
    let threads = threads::checked(threads)?;
    let rows = StridedRows::new(cells.as_array(), swapped)?;
    let chain = Chain { steps: &steps, joint, ties_all, min_keep };
    let filter = chain.filter()?;
    filter.check(&rows)?;
    let kept = interruptible(py, |interrupted| {
        let work = Compact { filter: &filter, rows: &rows, threads, interrupted };
        for_element(&element, work)?
    })?;
    let Tokens { ids, logits, log_probs } = kept.tokens;
    let ids = PyArray1::from_vec(py, ids).into_any();
    Ok((
        PyArray1::from_vec(py, kept.counts).into_any(),
        (ids, reals(py, logits), reals(py, log_probs)),
        PyArray1::from_vec(py, kept.log_mass).into_any(),
        PyArray1::from_vec(py, kept.largest).into_any(),
        PyArray1::from_vec(py, kept.undecided).into_any(),
    ))
}

fn reals(py: Python<'_>, values: Reals) -> Array<'_> {
    match values {
        Reals::Narrow(values) => PyArray1::from_vec(py, values).into_any(),
        Reals::Wide(values) => PyArray1::from_vec(py, values).into_any(),
    }
}

/// Fills `out`; the largest logit of each row, and the rows that are not decided, which
/// are left as they were. Without `cells` the logits are in `out`: then nothing is written
/// if a row is not valid, unless those are to be marked.
#[pyfunction]
pub(super) fn filter_logits<'py>(
    py: Python<'py>,
    cells: Option<Cells<'py>>,
    element: String,
    swapped: bool,
    steps: Steps<'py>,
    joint: bool,
    ties_all: bool,
    min_keep: usize,
    fill: f64,
    mark: bool,
    mut out: Out<'py>,
    out_element: String,
    threads: Option<i64>,
) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
    let threads = threads::checked(threads)?;
    let chain = Chain { steps: &steps, joint, ties_all, min_keep };
    let filter = chain.filter()?;
    let rows = cells.as_ref().map(|cells| StridedRows::new(cells.as_array(), swapped));
    let rows = rows.transpose()?;
    let vocab = {
        let own = StridedRows::new(out.as_array(), false)?;
        filter.check(rows.as_ref().unwrap_or(&own))?;
        own.vocab()
    };
    let dense = DenseFilter { filter: &filter, fill, mark };
    let out = out.as_slice_mut()?;
    let destination = match &rows {
        Some(_) => Destination::To(out),
        None => Destination::InPlace(out, vocab),
    };
    let (largest, undecided) = interruptible(py, |interrupted| {
        let elements = (element.as_str(), out_element.as_str());
        write(&dense, elements, rows.as_ref(), destination, threads, interrupted)
    })?;
    Ok((array(py, &[largest.len()], &largest)?, array(py, &[undecided.len()], &undecided)?))
}

/// Results are of the logits' type, or float32 for shorter ones.
fn write(
    dense: &DenseFilter,
    elements: (&str, &str),
    rows: Option<&StridedRows>,
    out: Destination,
    threads: Option<usize>,
    interrupted: Interrupted,
) -> Result<(Vec<f64>, Vec<i64>), Error> {
    use {BFloat16 as B16, Float16 as F16, Float32 as F32, Float64 as F64};
    const F: &str = F32::NAME;
    const D: &str = F64::NAME;
    const H: &str = F16::NAME;
    const B: &str = B16::NAME;
    match elements {
        (F, F) => dense.compute::<F32, F32>(rows, out, threads, interrupted),
        (D, D) => dense.compute::<F64, F64>(rows, out, threads, interrupted),
        (H, F) => dense.compute::<F16, F32>(rows, out, threads, interrupted),
        (H, H) => dense.compute::<F16, F16>(rows, out, threads, interrupted),
        (B, F) => dense.compute::<B16, F32>(rows, out, threads, interrupted),
        (B, B) => dense.compute::<B16, B16>(rows, out, threads, interrupted),
        (_, out) => Err(Error::UnknownElement(out.into())),
    }
}
