//! One function per divergence of two arrays.
#![allow(
    clippy::too_many_arguments,
    reason = "private functions, called by position from one place each"
)]

use numpy::PyUntypedArrayMethods;
use pyo3::prelude::*;

use super::arrays::{
    Cells, Interrupted, Out, TargetIds, Temperature, array, interruptible, real, targets_of,
};
use crate::batch::{Destination, KlGradient, Pairs, for_common_element};
use crate::element::{Element, Float64, ForElement};
use crate::error::Error;
use crate::row::{self, PairStatistic};
use crate::simd::strided::StridedRows;
use crate::threads;

type Object<'py> = PyResult<Bound<'py, PyAny>>;

/// What the divergences of a call are computed on.
struct PairCall<'py> {
    cells: [Cells<'py>; 2],
    elements: [String; 2],
    swapped: [bool; 2],
    temperatures: [Temperature<'py>; 2],
    threads: Option<i64>,
}

impl PairCall<'_> {
    /// Shape of a result with a value for each pair of rows.
    fn row_shape(&self) -> &[usize] {
        let shape = self.cells[0].shape();
        &shape[..shape.len().saturating_sub(2)]
    }

    /// Whether results are float64 even if not asked for.
    fn is_wide(&self) -> bool {
        self.elements.iter().any(|element| element == Float64::NAME)
    }

    /// Computes a statistic, without the GIL.
    fn compute<T: PairStatistic>(
        &self,
        py: Python<'_>,
        statistic: &T,
        targets: Option<(&TargetIds<'_>, Option<i64>)>,
    ) -> PyResult<T::Output> {
        let threads = threads::checked(self.threads)?;
        let [p, q] = &self.cells;
        let [p_swapped, q_swapped] = self.swapped;
        let rows = [
            StridedRows::new(p.as_array(), p_swapped)?,
            StridedRows::new(q.as_array(), q_swapped)?,
        ];
        let elements = [&*self.elements[0], &*self.elements[1]];
        let [t, u] = &self.temperatures;
        let targets = targets.map(|(ids, ignore)| targets_of(ids, ignore, p)).transpose()?;
        let pairs = Pairs::new(rows, elements, [t.per_row()?, u.per_row()?], targets)?;
        interruptible(py, |interrupted| {
            let work = Work { pairs: &pairs, statistic, threads, interrupted };
            if T::DOUBLE { work.run::<Float64>() } else { for_common_element(elements, work)? }
        })
    }
}

/// A computation that waits for its element type.
struct Work<'a, T> {
    pairs: &'a Pairs<'a>,
    statistic: &'a T,
    threads: Option<usize>,
    interrupted: Interrupted<'a>,
}

impl<T: PairStatistic> ForElement for Work<'_, T> {
    type Output = Result<T::Output, Error>;

    fn run<C: Element>(self) -> Self::Output {
        self.pairs.compute::<C, T>(self.statistic, self.threads, self.interrupted)
    }
}

/// See the function of this name in Python.
#[pyfunction]
pub(super) fn kl_divergence<'py>(
    py: Python<'py>,
    p_cells: Cells<'py>,
    p_element: String,
    p_swapped: bool,
    q_cells: Cells<'py>,
    q_element: String,
    q_swapped: bool,
    p_temperature: Temperature<'py>,
    q_temperature: Temperature<'py>,
    scale: f64,
    wide: bool,
    threads: Option<i64>,
) -> Object<'py> {
    let call = PairCall {
        cells: [p_cells, q_cells],
        elements: [p_element, q_element],
        swapped: [p_swapped, q_swapped],
        temperatures: [p_temperature, q_temperature],
        threads,
    };
    let values = call.compute(py, &row::KlDivergence { scale }, None)?;
    real(py, call.row_shape(), &values, wide || call.is_wide())
}

/// KL, float64, a value for each pair, and its gradient; without `q_cells` the second
/// logits are in `out`.
#[pyfunction]
pub(super) fn kl_divergence_gradient<'py>(
    py: Python<'py>,
    p_cells: Cells<'py>,
    p_element: String,
    p_swapped: bool,
    q_cells: Option<Cells<'py>>,
    q_element: String,
    q_swapped: bool,
    p_temperature: Temperature<'py>,
    q_temperature: Temperature<'py>,
    scale: f64,
    mut out: Out<'py>,
    out_element: String,
    threads: Option<i64>,
) -> Object<'py> {
    let threads = threads::checked(threads)?;
    let p = StridedRows::new(p_cells.as_array(), p_swapped)?;
    let q = q_cells.as_ref().map(|cells| StridedRows::new(cells.as_array(), q_swapped));
    let q = q.transpose()?;
    let elements = [&*p_element, &*q_element];
    let temperatures = [p_temperature.per_row()?, q_temperature.per_row()?];
    {
        let p = StridedRows::new(p_cells.as_array(), p_swapped)?;
        let q = match &q_cells {
            Some(cells) => StridedRows::new(cells.as_array(), q_swapped)?,
            None => StridedRows::new(out.as_array(), false)?,
        };
        Pairs::new([p, q], elements, temperatures, None)?;
    }
    let vocab = p.vocab();
    let out = out.as_slice_mut()?;
    let destination = match &q {
        Some(_) => Destination::To(out),
        None => Destination::InPlace(out, vocab),
    };
    let gradient = KlGradient { p: &p, elements, temperatures, scale };
    let values = interruptible(py, |interrupted| {
        gradient_to(&gradient, &out_element, q.as_ref(), destination, threads, interrupted)
    })?;
    real(py, &[values.len()], &values, true)
}

/// Gradients are of the wider type, float32 at least, or of that of the second logits.
fn gradient_to(
    gradient: &KlGradient,
    out_element: &str,
    q: Option<&StridedRows>,
    out: Destination,
    threads: Option<usize>,
    interrupted: Interrupted,
) -> Result<Vec<f64>, Error> {
    use crate::element::{BFloat16 as B16, Float16 as F16, Float32 as F32};
    const F: &str = F32::NAME;
    const H: &str = F16::NAME;
    const B: &str = B16::NAME;
    let common = match gradient.elements {
        [p, q] if p == q => p,
        elements if elements.contains(&Float64::NAME) => Float64::NAME,
        _ => F,
    };
    match (common, out_element) {
        (Float64::NAME, Float64::NAME) => {
            gradient.compute::<Float64, Float64>(q, out, threads, interrupted)
        }
        (F, F) => gradient.compute::<F32, F32>(q, out, threads, interrupted),
        (F, H) => gradient.compute::<F32, F16>(q, out, threads, interrupted),
        (F, B) => gradient.compute::<F32, B16>(q, out, threads, interrupted),
        (H, F) => gradient.compute::<F16, F32>(q, out, threads, interrupted),
        (H, H) => gradient.compute::<F16, F16>(q, out, threads, interrupted),
        (B, F) => gradient.compute::<B16, F32>(q, out, threads, interrupted),
        (B, B) => gradient.compute::<B16, B16>(q, out, threads, interrupted),
        _ => Err(Error::UnknownElement(out_element.into())),
    }
}

/// See the function of this name in Python.
#[pyfunction]
pub(super) fn js_divergence<'py>(
    py: Python<'py>,
    p_cells: Cells<'py>,
    p_element: String,
    p_swapped: bool,
    q_cells: Cells<'py>,
    q_element: String,
    q_swapped: bool,
    p_temperature: Temperature<'py>,
    q_temperature: Temperature<'py>,
    scale: f64,
    weight: f64,
    wide: bool,
    threads: Option<i64>,
) -> Object<'py> {
    let call = PairCall {
        cells: [p_cells, q_cells],
        elements: [p_element, q_element],
        swapped: [p_swapped, q_swapped],
        temperatures: [p_temperature, q_temperature],
        threads,
    };
    let values = call.compute(py, &row::JsDivergence { scale, weight }, None)?;
    real(py, call.row_shape(), &values, wide || call.is_wide())
}

/// See the function of this name in Python.
#[pyfunction]
pub(super) fn total_variation<'py>(
    py: Python<'py>,
    p_cells: Cells<'py>,
    p_element: String,
    p_swapped: bool,
    q_cells: Cells<'py>,
    q_element: String,
    q_swapped: bool,
    p_temperature: Temperature<'py>,
    q_temperature: Temperature<'py>,
    wide: bool,
    threads: Option<i64>,
) -> Object<'py> {
    let call = PairCall {
        cells: [p_cells, q_cells],
        elements: [p_element, q_element],
        swapped: [p_swapped, q_swapped],
        temperatures: [p_temperature, q_temperature],
        threads,
    };
    let values = call.compute(py, &row::TotalVariation, None)?;
    real(py, call.row_shape(), &values, wide || call.is_wide())
}

/// See the function of this name in Python.
#[pyfunction]
pub(super) fn cross_entropy_between<'py>(
    py: Python<'py>,
    p_cells: Cells<'py>,
    p_element: String,
    p_swapped: bool,
    q_cells: Cells<'py>,
    q_element: String,
    q_swapped: bool,
    p_temperature: Temperature<'py>,
    q_temperature: Temperature<'py>,
    scale: f64,
    wide: bool,
    threads: Option<i64>,
) -> Object<'py> {
    let call = PairCall {
        cells: [p_cells, q_cells],
        elements: [p_element, q_element],
        swapped: [p_swapped, q_swapped],
        temperatures: [p_temperature, q_temperature],
        threads,
    };
    let values = call.compute(py, &row::CrossEntropyBetween { scale }, None)?;
    real(py, call.row_shape(), &values, wide || call.is_wide())
}

/// See the function of this name in Python.
#[pyfunction]
pub(super) fn renyi_divergence<'py>(
    py: Python<'py>,
    p_cells: Cells<'py>,
    p_element: String,
    p_swapped: bool,
    q_cells: Cells<'py>,
    q_element: String,
    q_swapped: bool,
    p_temperature: Temperature<'py>,
    q_temperature: Temperature<'py>,
    scale: f64,
    order: f64,
    wide: bool,
    threads: Option<i64>,
) -> Object<'py> {
    let call = PairCall {
        cells: [p_cells, q_cells],
        elements: [p_element, q_element],
        swapped: [p_swapped, q_swapped],
        temperatures: [p_temperature, q_temperature],
        threads,
    };
    let values = call.compute(py, &row::RenyiDivergence { scale, order }, None)?;
    real(py, call.row_shape(), &values, wide || call.is_wide())
}

/// The fields of `CompareStats`, in its order.
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
    Option<Bound<'py, PyAny>>,
);

/// See the function of this name in Python.
#[pyfunction]
pub(super) fn compare_stats<'py>(
    py: Python<'py>,
    p_cells: Cells<'py>,
    p_element: String,
    p_swapped: bool,
    q_cells: Cells<'py>,
    q_element: String,
    q_swapped: bool,
    targets: Option<TargetIds<'py>>,
    ignore_index: Option<i64>,
    p_temperature: Temperature<'py>,
    q_temperature: Temperature<'py>,
    scale: f64,
    wide: bool,
    threads: Option<i64>,
) -> PyResult<Fields<'py>> {
    let call = PairCall {
        cells: [p_cells, q_cells],
        elements: [p_element, q_element],
        swapped: [p_swapped, q_swapped],
        temperatures: [p_temperature, q_temperature],
        threads,
    };
    let ids = targets.as_ref().map(|ids| (ids, ignore_index));
    let columns = call.compute(py, &row::CompareStats { scale }, ids)?;
    let wide = wide || call.is_wide();
    let rows = call.row_shape();
    let each = |column: &[f64]| {
        targets.as_ref().map(|ids| real(py, ids.shape(), column, wide)).transpose()
    };
    Ok((
        real(py, rows, &columns.kl, wide)?,
        real(py, rows, &columns.js, wide)?,
        real(py, rows, &columns.total_variation, wide)?,
        real(py, rows, &columns.p_entropy, wide)?,
        real(py, rows, &columns.q_entropy, wide)?,
        array(py, rows, &columns.same_argmax)?,
        array(py, rows, &columns.valid)?,
        each(&columns.p_log_prob)?,
        each(&columns.q_log_prob)?,
        each(&columns.delta_prob)?,
    ))
}
