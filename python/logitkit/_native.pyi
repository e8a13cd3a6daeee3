"""The Rust core, as Python sees it; private: use the functions of `logitkit`.

Every function that takes logits takes them as `cells`: the bytes of the array, ``uint8`` of shape
``leading + (vocab, itemsize)``, any strides. ``element`` names what the bytes are (``"float32"``,
``"float16"``, ``"bfloat16"``, ``"float64"``), ``swapped`` says that they are not in native byte
order. ``temperature`` is a number, or one number per row (rows in C order). ``scale`` multiplies
the surprisal: 1 for nats, 1 / ln(base) otherwise. ``threads`` is None for the package's setting.
Results have the leading shape; their dtype is float64 if ``wide`` or if the logits are float64,
float32 otherwise. Functions of two arrays take `p_cells` and `q_cells` in the same way. Targets are
int64 of shape ``leading + (targets per row,)``.

Functions with a value for every logit fill ``out``, the bytes of a C-contiguous array of shape
``leading + (vocab, itemsize)`` whose element is ``out_element``: that of the logits, or float32
for shorter ones. Without ``cells`` the logits are in ``out`` and written over.

The largest logits of each row, their token ids and log-probabilities fill arrays, too, C-contiguous
and of shape ``leading + (k,)``, real ones as bytes: that says how many are wanted.

Functions of weights take them as `cells` too; their ``element`` is a `_Weight`, results are
float64, and None if a row is not of weights or sums to 0.
"""

from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "__version__",
    "binary_cross_entropy",
    "candidates",
    "compare_stats",
    "cross_entropy",
    "cross_entropy_between",
    "cross_entropy_of_weights",
    "entropy",
    "entropy_gradient",
    "entropy_of_weights",
    "filter_logits",
    "instruction_sets",
    "js_divergence",
    "js_divergence_of_weights",
    "kl_divergence",
    "kl_divergence_gradient",
    "kl_divergence_of_weights",
    "log_prob",
    "log_softmax",
    "logsumexp",
    "num_threads",
    "rank",
    "renyi_divergence",
    "sample",
    "sample_candidates",
    "sample_filtered",
    "set_num_threads",
    "softmax",
    "token_stats",
    "topk",
    "total_variation",
    "use_instruction_set",
    "varentropy",
]

_Cells: TypeAlias = NDArray[np.uint8]
_Element: TypeAlias = Literal["float32", "float16", "bfloat16", "float64"]
_Weight: TypeAlias = Literal[
    "float64",
    "float32",
    "float16",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
]
_PerRow: TypeAlias = float | NDArray[np.float64]
_Targets: TypeAlias = NDArray[np.int64]
_Real: TypeAlias = NDArray[Any]
_Sources: TypeAlias = tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.uint64]]

__version__: str

def logsumexp(
    cells: _Cells,
    element: _Element,
    swapped: bool,
    temperature: _PerRow,
    wide: bool,
    threads: int | None,
) -> _Real: ...
def entropy(
    cells: _Cells,
    element: _Element,
    swapped: bool,
    temperature: _PerRow,
    scale: float,
    wide: bool,
    threads: int | None,
) -> _Real: ...
def varentropy(
    cells: _Cells,
    element: _Element,
    swapped: bool,
    temperature: _PerRow,
    scale: float,
    wide: bool,
    threads: int | None,
) -> _Real: ...
def log_prob(
    cells: _Cells,
    element: _Element,
    swapped: bool,
    targets: _Targets,
    ignore_index: int | None,
    temperature: _PerRow,
    scale: float,
    wide: bool,
    threads: int | None,
) -> _Real: ...
def rank(
    cells: _Cells,
    element: _Element,
    swapped: bool,
    targets: _Targets,
    ignore_index: int | None,
    threads: int | None,
) -> NDArray[np.int64]: ...
def token_stats(
    cells: _Cells,
    element: _Element,
    swapped: bool,
    targets: _Targets | None,
    ignore_index: int | None,
    temperature: _PerRow,
    scale: float,
    wide: bool,
    threads: int | None,
    top_ids: NDArray[np.int64] | None = None,
    top_log_probs: _Cells | None = None,
) -> tuple[
    _Real,  # max
    NDArray[np.int64],  # argmax
    _Real,  # logsumexp
    _Real,  # entropy
    _Real,  # varentropy
    _Real,  # max_prob
    NDArray[np.bool_],  # valid
    _Real | None,  # log_prob, shape of targets
    NDArray[np.int64] | None,  # rank, shape of targets
]: ...
def topk(
    cells: _Cells,
    element: _Element,
    swapped: bool,
    by_index: bool,
    temperature: _PerRow,
    values: _Cells,
    ids: NDArray[np.int64],
    log_probs: _Cells | None,
    threads: int | None,
) -> None: ...
def kl_divergence(
    p_cells: _Cells,
    p_element: _Element,
    p_swapped: bool,
    q_cells: _Cells,
    q_element: _Element,
    q_swapped: bool,
    p_temperature: _PerRow,
    q_temperature: _PerRow,
    scale: float,
    wide: bool,
    threads: int | None,
) -> _Real: ...
def kl_divergence_gradient(
    p_cells: _Cells,
    p_element: _Element,
    p_swapped: bool,
    q_cells: _Cells | None,
    q_element: _Element,
    q_swapped: bool,
    p_temperature: _PerRow,
    q_temperature: _PerRow,
    scale: float,
    out: _Cells,
    out_element: _Element,
    threads: int | None,
) -> _Real: ...
def js_divergence(
    p_cells: _Cells,
    p_element: _Element,
    p_swapped: bool,
    q_cells: _Cells,
    q_element: _Element,
    q_swapped: bool,
    p_temperature: _PerRow,
    q_temperature: _PerRow,
    scale: float,
    weight: float,
    wide: bool,
    threads: int | None,
) -> _Real: ...
def renyi_divergence(
    p_cells: _Cells,
    p_element: _Element,
    p_swapped: bool,
    q_cells: _Cells,
    q_element: _Element,
    q_swapped: bool,
    p_temperature: _PerRow,
    q_temperature: _PerRow,
    scale: float,
    order: float,
    wide: bool,
    threads: int | None,
) -> _Real: ...
def total_variation(
    p_cells: _Cells,
    p_element: _Element,
    p_swapped: bool,
    q_cells: _Cells,
    q_element: _Element,
    q_swapped: bool,
    p_temperature: _PerRow,
    q_temperature: _PerRow,
    wide: bool,
    threads: int | None,
) -> _Real: ...
def cross_entropy_between(
    p_cells: _Cells,
    p_element: _Element,
    p_swapped: bool,
    q_cells: _Cells,
    q_element: _Element,
    q_swapped: bool,
    p_temperature: _PerRow,
    q_temperature: _PerRow,
    scale: float,
    wide: bool,
    threads: int | None,
) -> _Real: ...
def compare_stats(
    p_cells: _Cells,
    p_element: _Element,
    p_swapped: bool,
    q_cells: _Cells,
    q_element: _Element,
    q_swapped: bool,
    targets: _Targets | None,
    ignore_index: int | None,
    p_temperature: _PerRow,
    q_temperature: _PerRow,
    scale: float,
    wide: bool,
    threads: int | None,
) -> tuple[
    _Real,  # kl
    _Real,  # js
    _Real,  # total_variation
    _Real,  # p_entropy
    _Real,  # q_entropy
    NDArray[np.bool_],  # same_argmax
    NDArray[np.bool_],  # valid
    _Real | None,  # p_log_prob, shape of targets
    _Real | None,  # q_log_prob, shape of targets
    _Real | None,  # delta_prob, shape of targets
]: ...
def set_num_threads(threads: int | None) -> None: ...
def num_threads() -> tuple[int, str]:
    """Give the number of threads a parallel call uses now, and where it came from.

    The source is ``"set_num_threads"``, the name of an environment variable, or
    ``"available cores"``.
    """

def instruction_sets() -> tuple[list[str], str]:
    """Name the instruction sets this machine has, best last, and the one in use."""

def use_instruction_set(name: str | None) -> None:
    """Take this instruction set from now on, None: the one `LOGITKIT_ISA` or the machine gives.

    For tests and benchmarks, which run the same process on every set.
    """

def softmax(
    cells: _Cells | None,
    element: _Element,
    swapped: bool,
    temperature: _PerRow,
    out: _Cells,
    out_element: _Element,
    threads: int | None,
) -> None: ...
def log_softmax(
    cells: _Cells | None,
    element: _Element,
    swapped: bool,
    temperature: _PerRow,
    out: _Cells,
    out_element: _Element,
    threads: int | None,
) -> None: ...
def entropy_gradient(
    cells: _Cells | None,
    element: _Element,
    swapped: bool,
    temperature: _PerRow,
    scale: float,
    out: _Cells,
    out_element: _Element,
    threads: int | None,
) -> NDArray[np.float64]: ...
def cross_entropy(
    cells: _Cells | None,
    element: _Element,
    swapped: bool,
    targets: _Targets | None,
    target_weights: NDArray[np.float64] | None,
    ignore_index: int | None,
    soft: tuple[_Cells, _Element, bool] | None,
    weight: NDArray[np.float64] | None,
    linear: tuple[float, float] | None,
    z_loss: float,
    entropy_weight: float,
    temperature: _PerRow,
    scale: float,
    gradient_scale: float,
    out: _Cells | None,
    out_element: _Element,
    threads: int | None,
) -> NDArray[np.float64]: ...
def binary_cross_entropy(
    logits: tuple[_Cells, str, bool],
    targets: tuple[_Cells, str, bool],
    weight: tuple[_Cells, str, bool] | None,
    pos_weight: tuple[_Cells, str, bool] | None,
    out: _Cells | None,
    threads: int | None,
) -> float | None: ...
def entropy_of_weights(
    cells: _Cells,
    element: _Weight,
    swapped: bool,
    scale: float,
    threads: int | None,
) -> _Real | None: ...
def cross_entropy_of_weights(
    p_cells: _Cells,
    p_element: _Weight,
    p_swapped: bool,
    q_cells: _Cells,
    q_element: _Weight,
    q_swapped: bool,
    scale: float,
    threads: int | None,
) -> _Real | None: ...
def kl_divergence_of_weights(
    p_cells: _Cells,
    p_element: _Weight,
    p_swapped: bool,
    q_cells: _Cells,
    q_element: _Weight,
    q_swapped: bool,
    scale: float,
    threads: int | None,
) -> _Real | None: ...
def js_divergence_of_weights(
    p_cells: _Cells,
    p_element: _Weight,
    p_swapped: bool,
    q_cells: _Cells,
    q_element: _Weight,
    q_swapped: bool,
    scale: float,
    threads: int | None,
) -> _Real | None: ...
def candidates(
    cells: _Cells,
    element: _Element,
    swapped: bool,
    steps: list[tuple[str, list[NDArray[np.float64]]]],
    joint: bool,
    ties_all: bool,
    min_keep: int,
    threads: int | None,
) -> tuple[
    NDArray[np.int64],
    tuple[NDArray[np.int32], _Real, _Real],
    NDArray[np.float64],
    NDArray[np.float64],
    NDArray[np.int64],
]: ...
def filter_logits(
    cells: _Cells | None,
    element: _Element,
    swapped: bool,
    steps: list[tuple[str, list[NDArray[np.float64]]]],
    joint: bool,
    ties_all: bool,
    min_keep: int,
    fill: float,
    mark: bool,
    out: _Cells,
    out_element: _Element,
    threads: int | None,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]: ...
def sample(
    cells: _Cells,
    element: _Element,
    swapped: bool,
    temperature: _PerRow,
    sources: _Sources,
    replace: bool,
    count: int,
    log_probs: bool,
    threads: int | None,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]: ...
def sample_filtered(
    cells: _Cells,
    element: _Element,
    swapped: bool,
    steps: list[tuple[str, list[NDArray[np.float64]]]],
    joint: bool,
    ties_all: bool,
    min_keep: int,
    sources: _Sources,
    replace: bool,
    count: int,
    log_probs: bool,
    threads: int | None,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]: ...
def sample_candidates(
    indptr: NDArray[np.int64],
    ids: NDArray[np.int32],
    logits: NDArray[np.float64],
    sources: _Sources,
    replace: bool,
    count: int,
) -> NDArray[np.int64]: ...
