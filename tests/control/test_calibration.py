"""Calibration and temperature scaling: cases by hand, drawn targets, rows that do not count."""

from typing import Any

import logitkit
import numpy as np
import pytest
from logitkit import reference

from ..numerics.rows import DTYPES, make_rows, make_targets

FIELDS = tuple(logitkit.Calibration.__dataclass_fields__)


@pytest.mark.parametrize("dtype", DTYPES)
def test_calibration_against_dense_probabilities(dtype: str) -> None:
    logits = np.concatenate([make_rows(400, dtype, seed) for seed in range(20)])
    targets = make_targets(logits)[:, 0]
    options: dict[str, Any] = {"bins": 7, "ignore_index": int(targets[3])}
    found = logitkit.calibration(logits, targets, **options)
    expected = reference.calibration(logits.astype(np.float64), targets, **options)
    limit = 1e-12 if dtype == "float64" else 1e-6
    for field in FIELDS:
        np.testing.assert_allclose(
            getattr(found, field), getattr(expected, field), rtol=limit, atol=limit, err_msg=field
        )
    tempered = logitkit.calibration(logits, targets, temperature=2.0)
    direct = reference.calibration(logits.astype(np.float64) / 2, targets)
    np.testing.assert_allclose(tempered.brier_score, direct.brier_score, rtol=limit)


def test_calibration_by_hand() -> None:
    logits = np.log(np.array([[0.9, 0.1], [0.9, 0.1], [0.3, 0.7]]))
    for library in (logitkit, reference):
        found = library.calibration(logits, [0, 1, 1], bins=10)
        # Two rows at 0.9 with one right, one at 0.7 that is right.
        np.testing.assert_allclose(found.expected_error, (2 * 0.4 + 0.3) / 3)
        np.testing.assert_allclose(found.maximum_error, 0.4)
        np.testing.assert_allclose(found.brier_score, (0.02 + 1.62 + 0.18) / 3)
        np.testing.assert_allclose((found.accuracy, found.confidence), (2 / 3, 2.5 / 3))
        assert found.counted == 3


def test_rows_that_do_not_count() -> None:
    logits = np.array([[0.0, 1.0], [np.nan, 0.0], [np.inf, 0.0], [0.0, 1.0], [0.0, 3.0]])
    targets = [1, 1, 0, -1, 0]
    for library in (logitkit, reference):
        found = library.calibration(logits, targets, ignore_index=-1)
        assert found.counted == 2
        assert found.accuracy == 0.5
        nothing = library.calibration(logits[1:2], [1])
        assert nothing.counted == 0
        assert np.isnan([nothing.expected_error, nothing.brier_score, nothing.accuracy]).all()
        assert np.isnan(library.fit_temperature(logits[1:2], [1]))


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_fit_temperature_finds_what_targets_were_drawn_with(temperature: float, dtype: str) -> None:
    rng = np.random.default_rng(5)
    logits = rng.normal(0.0, 2.0, (4000, 30)).astype(DTYPES[dtype])
    noise = rng.gumbel(size=logits.shape)
    targets = (logits.astype(np.float64) / temperature + noise).argmax(axis=-1)
    found = logitkit.fit_temperature(logits, targets)
    exact = reference.fit_temperature(logits.astype(np.float64), targets)
    np.testing.assert_allclose(found, exact, rtol=1e-9 if dtype == "float64" else 1e-5)
    assert abs(found / temperature - 1) < 0.1
    loss = [
        logitkit.perplexity(logits, targets, temperature=found * step) for step in (0.98, 1, 1.02)
    ]
    assert loss[1] < min(loss[0], loss[2])


def test_fit_temperature_of_few_rows_among_many_ignored() -> None:
    logits = make_rows(300, "float32")[:6].astype(np.float32)
    targets = make_targets(logits)[:, 0]
    alone = logitkit.fit_temperature(logits, targets)
    many = np.tile(logits, (50, 1))
    ignored = np.full(300, -1)
    ignored[:6] = targets
    found = logitkit.fit_temperature(many, ignored, ignore_index=-1)
    np.testing.assert_allclose(found, alone, rtol=1e-6)
    np.testing.assert_allclose(found, reference.fit_temperature(logits, targets), rtol=1e-5)


def test_fit_temperature_at_the_bounds() -> None:
    logits = np.array([[2.0, 0.0], [3.0, 0.0]])
    for library in (logitkit, reference):
        sure = library.fit_temperature(logits, [0, 0], bounds=(0.1, 10))
        np.testing.assert_allclose(sure, 0.1, rtol=1e-9)
        wrong = library.fit_temperature(logits, [1, 1], bounds=(0.1, 10))
        np.testing.assert_allclose(wrong, 10, rtol=1e-9)
    ignored = logitkit.fit_temperature(logits, [0, -1], ignore_index=-1, bounds=(0.1, 10))
    np.testing.assert_allclose(ignored, 0.1, rtol=1e-9)


def test_wrong_arguments_are_refused_with_the_way_out() -> None:
    logits = np.zeros((2, 3))
    call: Any = logitkit.calibration
    for error, targets, options, words in (
        (ValueError, [0, 3], {}, r"targets\[1\] = 3 is not a token id"),
        (ValueError, [[0, 1], [1, 2]], {}, "one target in each row"),
        (ValueError, [0, 1], {"bins": 0}, "bins=0; expected an int >= 1"),
        (TypeError, [0, 1], {"bins": 1.5}, "bins=1.5 is not an int"),
    ):
        with pytest.raises(error, match=words):
            call(logits, targets, **options)
