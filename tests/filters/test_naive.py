"""Chains of every step, at random, against the definitions in 50 digits."""

from types import ModuleType
from typing import Any

import numpy as np
import pytest
from logitkit import steps

from . import naive

CLASSES: dict[str, Any] = {
    cls.name: cls
    for cls in (getattr(steps, name) for name in steps.__all__)
    if hasattr(cls, "name")
}


def random_chain(rng: np.random.Generator) -> list[tuple[str, tuple[Any, ...]]]:
    values: dict[str, tuple[Any, ...]] = {
        "top_k": (int(rng.integers(1, 30)),),
        "top_p": (rng.uniform(0.05, 1),),
        "min_p": (10 ** rng.uniform(-4, 0),),
        "typical_p": (rng.uniform(0.05, 1),),
        "epsilon": (10 ** rng.uniform(-4, -0.5),),
        "eta": (10 ** rng.uniform(-4, -0.5),),
        "top_n_sigma": (rng.uniform(0.1, 3),),
        "top_h": (rng.uniform(0.05, 1),),
        "max_surprise": (rng.uniform(0.1, 9),),
        "temperature": (rng.uniform(0.2, 3),),
        "dynamic_temperature": (rng.uniform(0.2, 1), rng.uniform(1, 3), rng.uniform(0, 2)),
    }
    names = rng.permutation(list(values))[: rng.integers(1, 5)]
    return [(name, values[name]) for name in names.tolist()]


def random_row(rng: np.random.Generator) -> np.ndarray[Any, np.dtype[np.float32]]:
    row = rng.normal(0, rng.choice([0.1, 1.0, 4.0]), rng.integers(1, 130))
    kind = rng.integers(4)
    if kind == 1:
        row = row.round(1)
    if kind == 2:
        row[rng.random(row.size) < 0.5] = -np.inf
        row[rng.integers(row.size)] = 1.0
    return row.astype(np.float32)


@pytest.mark.parametrize("seed", range(20))
def test_chains(implementation: ModuleType, seed: int) -> None:
    rng = np.random.default_rng(seed)
    decided = 0
    for _ in range(25):
        row, chain = random_row(rng), random_chain(rng)
        try:
            expected = naive.run(row.tolist(), chain)
        except naive.Close:
            continue
        decided += 1
        kept = implementation.candidates(row, [CLASSES[name](*p) for name, p in chain])
        assert kept.ids.tolist() == [token for token, _ in expected], (row.tolist(), chain)
        np.testing.assert_allclose(kept.logits, [float(x) for _, x in expected], rtol=1e-6)
        log_p = [float(naive.mp.log(q)) for q in naive.softmax(expected)]
        np.testing.assert_allclose(kept.log_probs, log_p, rtol=1e-6, atol=1e-12)
    assert decided >= 15
