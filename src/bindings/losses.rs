//! Dense results and losses with gradients: one function per statistic.
#![allow(
    clippy::too_many_arguments,
    reason = "private functions, called by position from one place each"
)]

use numpy::{PyReadonlyArray1, PyReadonlyArrayDyn};
use pyo3::prelude::*;

use super::arrays::{Cells, Interrupted, Out, TargetIds, Temperature, interruptible, real};
use super::weights::source;
use crate::batch::{Batch, Dense, Destination, Targets};
use crate::binary::BinaryCrossEntropy;
use crate::element::{BFloat16, Element, Float16, Float32, Float64, ForElement, for_element};
use crate::error::Error;
use crate::row::{CrossEntropy, DenseStatistic, EntropyGradient, Linear, LogSoftmax, Softmax};
use crate::simd::strided::StridedRows;
use crate::threads;
use crate::weights::Source;

/// Rows of logits on their way to rows of values; without `cells` they are in `out`.
struct Rows<'py> {
    cells: Option<Cells<'py>>,
    element: String,
    swapped: bool,
    temperature: Temperature<'py>,
    out: Option<Out<'py>>,
    out_element: String,
    threads: Option<i64>,
}

impl Rows<'_> {
    fn compute<T: DenseStatistic>(
        &mut self,
        py: Python<'_>,
        statistic: &T,
        targets: Option<Targets>,
        linear: Option<&Linear>,
    ) -> PyResult<T::Output>
    where
        T::Output: Send,
    {
        let threads = threads::checked(self.threads)?;
        let temperatures = self.temperature.per_row()?;
        let (element, out_element) = (&*self.element, &*self.out_element);
        let dense = Dense { statistic, temperatures, targets, linear };
        let given = match &self.cells {
            Some(cells) => Some(StridedRows::new(cells.as_array(), self.swapped)?),
            None => None,
        };
        let mut vocab = 0;
        if let Some(view) = given.as_ref().map_or_else(
            || self.out.as_ref().map(|out| StridedRows::new(out.as_array(), false)),
            |_| self.cells.as_ref().map(|c| StridedRows::new(c.as_array(), self.swapped)),
        ) {
            let rows = view?;
            vocab = rows.vocab();
            if let Some(linear) = linear {
                linear.check(rows.rows(), vocab)?;
            }
            Batch::new(rows, temperatures, targets)?;
        }
        let destination = match (&mut self.out, &given) {
            (Some(out), Some(_)) => Destination::To(out.as_slice_mut()?),
            (Some(out), None) => Destination::InPlace(out.as_slice_mut()?, vocab),
            (None, _) => Destination::Nowhere,
        };
        interruptible(py, |interrupted| {
            dispatch(
                &dense,
                element,
                out_element,
                given.as_ref(),
                destination,
                threads,
                interrupted,
            )
        })
    }
}

/// Results are of the logits' type, or float32 for shorter ones.
fn dispatch<T: DenseStatistic>(
    dense: &Dense<T>,
    element: &str,
    out_element: &str,
    rows: Option<&StridedRows>,
    out: Destination,
    threads: Option<usize>,
    interrupted: Interrupted,
) -> Result<T::Output, Error> {
    const F32: &str = Float32::NAME;
    match (element, out_element) {
        (F32, F32) => dense.compute::<Float32, Float32>(rows, out, threads, interrupted),
        (Float64::NAME, Float64::NAME) => {
            dense.compute::<Float64, Float64>(rows, out, threads, interrupted)
        }
        (Float16::NAME, F32) => {
            dense.compute::<Float16, Float32>(rows, out, threads, interrupted)
        }
        (Float16::NAME, Float16::NAME) => {
            dense.compute::<Float16, Float16>(rows, out, threads, interrupted)
        }
        (BFloat16::NAME, F32) => {
            dense.compute::<BFloat16, Float32>(rows, out, threads, interrupted)
        }
        (BFloat16::NAME, BFloat16::NAME) => {
            dense.compute::<BFloat16, BFloat16>(rows, out, threads, interrupted)
        }
        _ => Err(Error::UnknownElement(out_element.into())),
    }
}

/// See the function of this name in Python.
#[pyfunction]
pub(super) fn softmax(
    py: Python<'_>,
    cells: Option<Cells<'_>>,
    element: String,
    swapped: bool,
    temperature: Temperature<'_>,
    out: Out<'_>,
    out_element: String,
    threads: Option<i64>,
) -> PyResult<()> {
    let out = Some(out);
    let mut rows = Rows { cells, element, swapped, temperature, out, out_element, threads };
    rows.compute(py, &Softmax, None, None).map(drop)
}

/// See the function of this name in Python.
#[pyfunction]
pub(super) fn log_softmax(
    py: Python<'_>,
    cells: Option<Cells<'_>>,
    element: String,
    swapped: bool,
    temperature: Temperature<'_>,
    out: Out<'_>,
    out_element: String,
    threads: Option<i64>,
) -> PyResult<()> {
    let out = Some(out);
    let mut rows = Rows { cells, element, swapped, temperature, out, out_element, threads };
    rows.compute(py, &LogSoftmax, None, None).map(drop)
}

/// Entropy, float64, a value for each row, and its gradient.
#[pyfunction]
pub(super) fn entropy_gradient<'py>(
    py: Python<'py>,
    cells: Option<Cells<'py>>,
    element: String,
    swapped: bool,
    temperature: Temperature<'py>,
    scale: f64,
    out: Out<'py>,
    out_element: String,
    threads: Option<i64>,
) -> PyResult<Bound<'py, PyAny>> {
    let out = Some(out);
    let mut rows = Rows { cells, element, swapped, temperature, out, out_element, threads };
    let values = rows.compute(py, &EntropyGradient { scale }, None, None)?;
    real(py, &[values.len()], &values, true)
}

/// The loss of each row, float64; see the function of this name in Python.
#[pyfunction]
pub(super) fn cross_entropy<'py>(
    py: Python<'py>,
    cells: Option<Cells<'py>>,
    element: String,
    swapped: bool,
    targets: Option<TargetIds<'py>>,
    target_weights: Option<PyReadonlyArray1<'py, f64>>,
    ignore_index: Option<i64>,
    soft: Option<(PyReadonlyArrayDyn<'py, u8>, String, bool)>,
    weight: Option<PyReadonlyArray1<'py, f64>>,
    linear: Option<(f64, f64)>,
    z_loss: f64,
    entropy_weight: f64,
    temperature: Temperature<'py>,
    scale: f64,
    gradient_scale: f64,
    out: Option<Out<'py>>,
    out_element: String,
    threads: Option<i64>,
) -> PyResult<Bound<'py, PyAny>> {
    let mut rows = Rows { cells, element, swapped, temperature, out, out_element, threads };
    let ids = targets.as_ref().map(|ids| ids.as_slice()).transpose()?;
    let own_weights = target_weights.as_ref().map(|own| own.as_slice()).transpose()?;
    let class = weight.as_ref().map(|class| class.as_slice()).transpose()?;
    let soft = match &soft {
        Some((cells, element, swapped)) => {
            Some((StridedRows::new(cells.as_array(), *swapped)?, element.clone()))
        }
        None => None,
    };
    let linear = linear.map(|(scale, uniform)| Linear { soft, class, scale, uniform });
    let statistic = CrossEntropy {
        target_weights: own_weights.unwrap_or_default(),
        targets: ids.unwrap_or_default(),
        z_loss,
        entropy_weight,
        scale,
        gradient_scale,
    };
    let targets = ids.map(|values| Targets { values, per_row: 1, ignore: ignore_index });
    let values = rows.compute(py, &statistic, targets, linear.as_ref())?;
    real(py, &[values.len()], &values, true)
}

/// The bytes of an array of numbers, their type, and whether they are in the other order.
type Numbers<'py> = (Cells<'py>, String, bool);

/// Numbers that stand beside the logits.
fn beside<'a>((cells, element, swapped): &'a Numbers) -> PyResult<Source<'a>> {
    source(cells, element, *swapped)
}

/// Losses that wait for the type of the logits.
struct Binary<'a> {
    losses: BinaryCrossEntropy<'a>,
    out: Option<&'a mut [u8]>,
    threads: Option<usize>,
    interrupted: Interrupted<'a>,
}

impl ForElement for Binary<'_> {
    type Output = Result<Option<f64>, Error>;

    fn run<E: Element>(self) -> Self::Output {
        self.losses.compute::<E>(self.out, self.threads, self.interrupted)
    }
}

/// The losses to `out`; without one their sum. `None` if a target is no probability. See the
/// function of this name in Python.
#[pyfunction]
pub(super) fn binary_cross_entropy<'py>(
    py: Python<'py>,
    logits: Numbers<'py>,
    targets: Numbers<'py>,
    weight: Option<Numbers<'py>>,
    pos_weight: Option<Numbers<'py>>,
    mut out: Option<Out<'py>>,
    threads: Option<i64>,
) -> PyResult<Option<f64>> {
    let threads = threads::checked(threads)?;
    let (cells, element, swapped) = &logits;
    let losses = BinaryCrossEntropy {
        logits: StridedRows::new(cells.as_array(), *swapped)?,
        targets: beside(&targets)?,
        weight: weight.as_ref().map(beside).transpose()?,
        pos_weight: pos_weight.as_ref().map(beside).transpose()?,
    };
    let out = out.as_mut().map(|out| out.as_slice_mut()).transpose()?;
    interruptible(py, |interrupted| {
        for_element(element, Binary { losses, out, threads, interrupted })?
    })
}
