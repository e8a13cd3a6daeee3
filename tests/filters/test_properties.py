"""What holds for every row, by rows at random: with ties, masks, peaks, knife edges."""

from types import ModuleType
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

# A module does not change from example to example.
quick = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

KINDS = ("normal", "two values", "equal", "few values", "peak", "masked", "ascending")


@st.composite
def rows(draw: st.DrawFn) -> NDArray[np.float64]:
    length = draw(st.integers(1, 300))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    row = rng.normal(0, draw(st.sampled_from([0.01, 1.0, 5.0])), length)
    match draw(st.sampled_from(KINDS)):
        case "two values":
            row = rng.choice([0.0, -np.log(2.0)], length)
        case "equal":
            row = np.full(length, row[0])
        case "few values":
            row = row.round()
        case "peak":
            row[rng.integers(length)] = 30.0
        case "masked":
            row[rng.random(length) < 0.9] = -np.inf
            row[rng.integers(length)] = 0.0
        case "ascending":
            row = np.sort(row)
    return row.astype(np.float32).astype(np.float64)


shares = st.one_of(st.sampled_from([0.0, 0.25, 0.5, 0.9, 1.0]), st.floats(0, 1))
counts = st.integers(1, 320)
SHARES = ("top_p", "min_p", "epsilon", "eta", "top_h", "typical_p")
filters = st.one_of(
    st.tuples(st.just("top_k"), counts),
    st.tuples(st.sampled_from(SHARES), shares),
    st.tuples(st.just("top_n_sigma"), st.floats(0.01, 5)),
    st.tuples(st.just("max_surprise"), st.floats(0, 12)),
)


def in_order(row: NDArray[np.float64]) -> list[int]:
    order = (-row).argsort(kind="stable")
    result: list[int] = order[np.isfinite(row[order])].tolist()
    return result


def kept(implementation: ModuleType, row: Any, **keywords: Any) -> list[int]:
    result: list[int] = implementation.candidates(row, **keywords).ids.tolist()
    return result


@quick
@given(row=rows(), step=filters, min_keep=st.integers(1, 20))
def test_a_prefix_of_the_order_with_min_keep_tokens(
    implementation: ModuleType, row: NDArray[np.float64], step: tuple[str, Any], min_keep: int
) -> None:
    name, value = step
    found = kept(implementation, row, min_keep=min_keep, **{name: value})
    order = in_order(row)
    assert len(found) >= min(min_keep, len(order))
    if name == "typical_p":
        assert found == [token for token in order if token in set(found)]
    else:
        assert found == order[: len(found)]


@quick
@given(row=rows(), step=filters)
def test_ties_stay_together_if_asked_to(
    implementation: ModuleType, row: NDArray[np.float64], step: tuple[str, Any]
) -> None:
    name, value = step
    first = kept(implementation, row, **{name: value})
    whole = kept(implementation, row, ties="all", **{name: value})
    assert set(first) <= set(whole)
    assert set(row[whole]) == set(row[first])
    if name in ("top_k", "top_p"):
        assert len(whole) == (row >= row[first[-1]]).sum()


@quick
@given(row=rows(), step=filters)
def test_an_offset_of_the_logits_changes_nothing(
    implementation: ModuleType, row: NDArray[np.float64], step: tuple[str, Any]
) -> None:
    # Float32 logits and a small offset: the sums are exact.
    name, value = step
    moved = row.round(2) + 0.0
    expected = kept(implementation, np.ldexp(np.round(moved * 128), -7), **{name: value})
    found = kept(implementation, np.ldexp(np.round(moved * 128), -7) + 8.0, **{name: value})
    assert found == expected


@quick
@given(row=rows(), k=counts)
def test_top_k_is_exact_and_idempotent(
    implementation: ModuleType, row: NDArray[np.float64], k: int
) -> None:
    once = implementation.top_k_filter(row, k)
    assert np.isfinite(once).sum() == min(k, np.isfinite(row).sum())
    np.testing.assert_array_equal(implementation.top_k_filter(once, k), once)


@quick
@given(row=rows(), name=st.sampled_from(SHARES), low=shares, high=shares)
def test_sets_grow_with_their_parameter(
    implementation: ModuleType, row: NDArray[np.float64], name: str, low: float, high: float
) -> None:
    low, high = sorted((low, high))
    if name in ("min_p", "epsilon", "eta"):
        low, high = high, low
    small, large = (set(kept(implementation, row, **{name: each})) for each in (low, high))
    assert small <= large


@quick
@given(row=rows(), p=st.floats(0.001, 0.999))
def test_the_nucleus_is_the_shortest_prefix_of_its_mass(
    implementation: ModuleType, row: NDArray[np.float64], p: float
) -> None:
    found = implementation.candidates(row, top_p=p)
    mass = np.exp(found.log_kept_mass)
    last = np.exp(found.log_probs[-1]) * mass
    assert mass >= p * (1 - 1e-12)
    assert mass - last < p * (1 + 1e-12)


@quick
@given(row=rows(), step=filters, temperature=st.sampled_from([0.3, 1.0, 2.5]))
def test_what_is_kept_is_renormalised(
    implementation: ModuleType,
    row: NDArray[np.float64],
    step: tuple[str, Any],
    temperature: float,
) -> None:
    name, value = step
    found = implementation.candidates(row, temperature=temperature, **{name: value})
    expected = implementation.log_softmax(row, temperature=temperature)[found.ids]
    np.testing.assert_allclose(
        found.log_probs + found.log_kept_mass, expected, rtol=1e-9, atol=1e-12
    )
    np.testing.assert_allclose(np.exp(found.log_probs).sum(), 1.0, rtol=1e-12)
    np.testing.assert_allclose(found.logits, row[found.ids] / temperature, rtol=1e-14)
    entropy = -(np.exp(found.log_probs) * found.log_probs).sum()
    np.testing.assert_allclose(found.entropy(), entropy, rtol=1e-9, atol=1e-12)


@quick
@given(row=rows(), chain=st.lists(filters, min_size=1, max_size=4, unique_by=lambda s: s[0]))
def test_joint_sets_are_intersections(
    implementation: ModuleType, row: NDArray[np.float64], chain: list[tuple[str, Any]]
) -> None:
    chain = [(name, value) for name, value in chain if name != "typical_p"] or [("top_k", 5)]
    joint = set(kept(implementation, row, joint=True, **dict(chain)))
    alone = [set(kept(implementation, row, **{name: value})) for name, value in chain]
    assert joint == set.intersection(*alone)


@quick
@given(row=rows(), chain=st.lists(filters, min_size=1, max_size=3, unique_by=lambda s: s[0]))
def test_masked_tokens_count_for_nothing(
    implementation: ModuleType, row: NDArray[np.float64], chain: list[tuple[str, Any]]
) -> None:
    # Masked ones in between: the others keep their order, and so their ties.
    spread = np.full(3 * row.size, -np.inf)
    spread[1::3] = row
    found = kept(implementation, spread, **dict(chain))
    assert [(token - 1) // 3 for token in found] == kept(implementation, row, **dict(chain))
