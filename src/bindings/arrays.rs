//! Python's arrays to rows, results to arrays, errors to exceptions.

use ndarray::{ArrayViewD, IxDyn};
use numpy::PyUntypedArrayMethods;
use numpy::{
    Element as NumpyElement, PyArrayDyn, PyReadonlyArray1, PyReadonlyArrayDyn,
    PyReadwriteArrayDyn,
};
use pyo3::exceptions::{PyKeyboardInterrupt, PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;

use crate::batch::{Batch, PerRow, Targets, Top};
use crate::element::{Element, ForElement, for_element};
use crate::error::Error;
use crate::row::Statistic;
use crate::simd::strided::StridedRows;
use crate::threads;

impl From<Error> for PyErr {
    fn from(error: Error) -> PyErr {
        let text = error.to_string();
        match error {
            Error::UnknownElement(_) => PyTypeError::new_err(text),
            Error::ThreadsUnavailable { .. } => PyRuntimeError::new_err(text),
            Error::Interrupted => PyKeyboardInterrupt::new_err(text),
            _ => PyValueError::new_err(text),
        }
    }
}

/// The bytes of an array of logits.
pub(super) type Cells<'py> = PyReadonlyArrayDyn<'py, u8>;
/// The bytes that results go to, C-contiguous.
pub(super) type Out<'py> = PyReadwriteArrayDyn<'py, u8>;
/// The token ids that are a result, C-contiguous, a row of them for each row of logits.
pub(super) type OutIds<'py> = PyReadwriteArrayDyn<'py, i64>;
/// Token ids, one or a row of them for each row of logits.
pub(super) type TargetIds<'py> = PyReadonlyArrayDyn<'py, i64>;

/// A number, or one for each row.
#[derive(FromPyObject)]
pub(super) enum Temperature<'py> {
    One(f64),
    Each(PyReadonlyArray1<'py, f64>),
}

impl Temperature<'_> {
    /// As batches take it.
    pub(super) fn per_row(&self) -> PyResult<PerRow<'_>> {
        Ok(match self {
            Temperature::One(value) => PerRow::One(*value),
            Temperature::Each(values) => PerRow::Each(values.as_slice()?),
        })
    }
}

/// Targets as batches take them: one for each row of `cells`, or those of the last axis.
pub(super) fn targets_of<'a>(
    ids: &'a TargetIds<'_>,
    ignore: Option<i64>,
    cells: &Cells<'_>,
) -> PyResult<Targets<'a>> {
    let per_row = match ids.shape().last() {
        Some(&several) if ids.ndim() + 1 == cells.ndim() => several,
        _ => 1,
    };
    Ok(Targets { values: ids.as_slice()?, per_row, ignore })
}

/// What the statistics of a call are computed on.
pub(super) struct Call<'py> {
    cells: Cells<'py>,
    element: String,
    swapped: bool,
    temperature: Temperature<'py>,
    targets: Option<TargetIds<'py>>,
    ignore_index: Option<i64>,
    threads: Option<i64>,
}

impl<'py> Call<'py> {
    /// Rows without targets.
    pub(super) fn new(
        cells: Cells<'py>,
        element: String,
        swapped: bool,
        temperature: Temperature<'py>,
        threads: Option<i64>,
    ) -> Self {
        Self {
            cells,
            element,
            swapped,
            temperature,
            targets: None,
            ignore_index: None,
            threads,
        }
    }

    /// The same rows with targets.
    pub(super) fn with_targets(
        self,
        targets: Option<TargetIds<'py>>,
        ignore_index: Option<i64>,
    ) -> Self {
        Self { targets, ignore_index, ..self }
    }

    /// Whether there are targets.
    pub(super) fn has_targets(&self) -> bool {
        self.targets.is_some()
    }

    /// Shape of a result with a value for each row.
    pub(super) fn row_shape(&self) -> &[usize] {
        let shape = self.cells.shape();
        &shape[..shape.len().saturating_sub(2)]
    }

    /// Shape of a result with a value for each target.
    pub(super) fn target_shape(&self) -> &[usize] {
        self.targets.as_ref().map_or(&[], |targets| targets.shape())
    }

    /// Whether results are float64 even if not asked for.
    pub(super) fn is_wide(&self) -> bool {
        self.element == crate::element::Float64::NAME
    }

    /// Computes a statistic, without the GIL.
    pub(super) fn compute<T: Statistic>(
        &self,
        py: Python<'_>,
        statistic: &T,
    ) -> PyResult<T::Output> {
        self.compute_with_top(py, statistic, Top::default())
    }

    /// Computes a statistic and the largest logits, without the GIL.
    pub(super) fn compute_with_top<T: Statistic>(
        &self,
        py: Python<'_>,
        statistic: &T,
        top: Top,
    ) -> PyResult<T::Output> {
        let threads = threads::checked(self.threads)?;
        let rows = StridedRows::new(self.cells.as_array(), self.swapped)?;
        let temperatures = self.temperature.per_row()?;
        let targets = self
            .targets
            .as_ref()
            .map(|ids| targets_of(ids, self.ignore_index, &self.cells))
            .transpose()?;
        let batch = Batch::new(rows, temperatures, targets)?;
        let element = &*self.element;
        interruptible(py, |interrupted| {
            let work = Work { batch: &batch, statistic, top, threads, interrupted };
            for_element(element, work)?
        })
    }
}

/// What a computation asks now and then.
pub(super) type Interrupted<'a> = &'a mut (dyn FnMut() -> bool + Send);

/// Runs `work` without the GIL; a signal that Python raises for goes before its result.
pub(super) fn interruptible<R: Send>(
    py: Python<'_>,
    work: impl FnOnce(Interrupted) -> Result<R, Error> + Send,
) -> PyResult<R> {
    let mut signal = None;
    let mut interrupted = || {
        signal = Python::attach(|py| py.check_signals()).err();
        signal.is_some()
    };
    let result = py.detach(|| work(&mut interrupted));
    match signal {
        Some(raised) => Err(raised),
        None => Ok(result?),
    }
}

/// A computation that waits for its element type.
struct Work<'a, T> {
    batch: &'a Batch<'a>,
    statistic: &'a T,
    top: Top<'a>,
    threads: Option<usize>,
    interrupted: Interrupted<'a>,
}

impl<T: Statistic> ForElement for Work<'_, T> {
    type Output = Result<T::Output, Error>;

    fn run<E: Element>(self) -> Self::Output {
        let Self { batch, statistic, top, threads, interrupted } = self;
        batch.compute_with_top::<E, T>(statistic, top, threads, interrupted)
    }
}

/// An array that owns its values.
pub(super) fn array<'py, T: NumpyElement + Copy>(
    py: Python<'py>,
    shape: &[usize],
    values: &[T],
) -> PyResult<Bound<'py, PyAny>> {
    let view = ArrayViewD::from_shape(IxDyn(shape), values)
        .map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
    Ok(PyArrayDyn::from_array(py, &view).into_any())
}

/// An array of `f64`, or of `f32` if that is wide enough.
pub(super) fn real<'py>(
    py: Python<'py>,
    shape: &[usize],
    values: &[f64],
    wide: bool,
) -> PyResult<Bound<'py, PyAny>> {
    if wide {
        return array(py, shape, values);
    }
    let narrow: Vec<f32> = values.iter().map(|&x| x as f32).collect();
    array(py, shape, &narrow)
}
