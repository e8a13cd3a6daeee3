"""Batches as engines hand them over: dicts of NumPy arrays, Arrow record batches, Dask's blocks."""

import pickle
from typing import Any

import dask.array
import logitkit
import ml_dtypes
import numpy as np
import pyarrow as pa
import pytest

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(0, 3, (12, 50)).astype(np.float32)
TOKENS = RNG.integers(0, 50, 12)
NAMES = ["entropy", "varentropy", "logsumexp", "max", "argmax", "max_prob", "valid"]


def check(scored: Any, logits: Any = LOGITS, names: Any = (*NAMES, "log_prob", "rank")) -> None:
    stats = logitkit.token_stats(logits, TOKENS)
    for name in names:
        np.testing.assert_array_equal(np.asarray(scored[name]), getattr(stats, name), name)


def test_a_batch_of_arrays() -> None:
    batch = {"id": np.arange(12), "logits": LOGITS, "token": TOKENS}
    scorer = pickle.loads(pickle.dumps(logitkit.RowScorer(targets="token", threads=1)))
    scored = scorer(batch)
    assert list(scored) == ["id", "token", *NAMES, "log_prob", "rank"]
    check(scored)
    assert batch["logits"] is LOGITS
    only = logitkit.RowScorer(["entropy"], column="x")({"x": LOGITS})
    assert list(only) == ["entropy"]
    check(only, names=["entropy"])


def test_columns_of_objects_bits_and_empty_batches() -> None:
    rows = np.empty(12, object)
    rows[:] = list(LOGITS)
    check(logitkit.RowScorer(targets="token")({"logits": rows, "token": TOKENS}))
    half = LOGITS.astype(ml_dtypes.bfloat16)
    scored = logitkit.RowScorer(dtype="bfloat16")({"logits": half.view(np.uint16)})
    check(scored, half, NAMES)
    empty = logitkit.RowScorer(targets="token")({"logits": LOGITS[:0], "token": TOKENS[:0]})
    assert {name: len(column) for name, column in empty.items()} == dict.fromkeys(
        ["token", *NAMES, "log_prob", "rank"], 0
    )


def test_what_a_scorer_refuses() -> None:
    with pytest.raises(ValueError, match="ops has 'rank', which needs targets"):
        logitkit.RowScorer(["rank"])
    with pytest.raises(ValueError, match="ops has 'nope'; expected some of entropy"):
        logitkit.RowScorer(["nope"])
    with pytest.raises(TypeError, match="one string"):
        logitkit.RowScorer("entropy")
    with pytest.raises(KeyError, match="no column 'logits'; the batch has 'x'"):
        logitkit.RowScorer()({"x": LOGITS})
    with pytest.raises(ValueError, match="threads=0"):
        logitkit.RowScorer(threads=0)


def arrow_columns() -> list[Any]:
    flat = pa.array(LOGITS.reshape(-1))
    fixed = pa.FixedSizeListArray.from_arrays(flat, 50)
    tensor = pa.ExtensionArray.from_storage(pa.fixed_shape_tensor(pa.float32(), [50]), fixed)
    lists = pa.ListArray.from_arrays(np.arange(0, 601, 50, dtype=np.int32), flat)
    large = pa.LargeListArray.from_arrays(np.arange(0, 601, 50), flat)
    return [fixed, tensor, lists, large]


@pytest.mark.parametrize("column", arrow_columns(), ids=["fixed", "tensor", "list", "large"])
def test_a_record_batch(column: Any) -> None:
    batch = pa.record_batch({"id": pa.array(range(12)), "logits": column, "t": pa.array(TOKENS)})
    scored = logitkit.score_arrow(batch, targets="t")
    assert scored.schema.names == ["id", "t", *NAMES, "log_prob", "rank"]
    columns = {name: scored.column(name).to_numpy(zero_copy_only=False) for name in NAMES}
    check(columns, names=NAMES)
    part = logitkit.score_arrow(batch.slice(3, 4), ["entropy"])
    np.testing.assert_array_equal(part.column("entropy"), logitkit.token_stats(LOGITS[3:7]).entropy)
    none = logitkit.score_arrow(batch.slice(0, 0), ["entropy", "valid"])
    assert none.num_rows == 0


def test_record_batches_that_cannot_be_scored() -> None:
    def batch(column: Any) -> Any:
        return pa.record_batch({"logits": column})

    for column, error, message in (
        (pa.array([1.0, 2.0]), TypeError, "is of type double; expected lists"),
        (pa.array([[1.0], [1.0, 2.0]]), ValueError, "rows of 2 lengths"),
        (pa.array([[1.0], None]), ValueError, "has 1 nulls"),
        (pa.array([[1.0], [None]]), ValueError, "nulls among its logits"),
        (pa.array([["a"], ["b"]]), TypeError, "expected lists of float16"),
    ):
        with pytest.raises(error, match=message):
            logitkit.score_arrow(batch(column))
    with pytest.raises(KeyError, match="no column 'x'"):
        logitkit.score_arrow(batch(pa.array([[1.0]])), column="x")


def test_dask() -> None:
    blocks = dask.array.from_array(LOGITS, chunks=(5, 50))
    for function in (logitkit.entropy, logitkit.logsumexp):
        found = dask.array.apply_gufunc(
            function, "(v)->()", blocks, threads=1, output_dtypes=np.float32
        )
        np.testing.assert_array_equal(found.compute(scheduler="threads"), function(LOGITS))
