"""The answers of scipy.stats.entropy (SciPy 1.17.1), for one distribution and for two.

`scipy_entropy.npz` holds 12 rows of weights, `p` and `p2`, that do not sum to 1, and what SciPy
gave for them with axis=-1 and three bases; its keys are the calls.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from logitkit import dist
from logitkit.reference import dist as reference

both = pytest.mark.parametrize("module", [dist, reference], ids=["dist", "reference"])


@both
@pytest.mark.parametrize("base", [None, 2, 10])
def test_scipy_gives_the_same(module: Any, base: float | None) -> None:
    with np.load(Path(__file__).parent / "scipy_entropy.npz") as scipy:
        p, q = scipy["p"], scipy["p2"]
        np.testing.assert_allclose(
            module.entropy(p, base=base), scipy[f"scipy.entropy(p)|base={base}"], rtol=1e-12
        )
        np.testing.assert_allclose(
            module.kl_divergence(p, q, base=base),
            scipy[f"scipy.entropy(p,p2)|base={base}"],
            rtol=1e-12,
        )
