"""A few thousand rows of the fuzz; `fuzz.py` runs as many as one has time for."""

import numpy as np
import pytest

from .fuzz import differences


@pytest.mark.parametrize("seed", range(6))
def test_sets_are_those_of_the_definition(instruction_set: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    found = list(differences(rng, 600, (8, 60, 600, 3000, 9000)))
    different = [(kind, chain, options) for kind, chain, options, _, differs in found if differs]
    assert not different
