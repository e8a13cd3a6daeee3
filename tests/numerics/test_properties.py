"""Laws that hold for every row, on rows that hypothesis chooses."""

from typing import Any

import logitkit
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from .rows import DTYPES, KINDS, make_row

pytestmark = pytest.mark.usefixtures("instruction_set")

# The dtypes that hold any logit below, so that rounding does not blur a law.
WIDE_DTYPES = ["float64", "float32"]

# Laws compare two results, each within 1e-6 of the truth, or within float32's smallest number.
RELATIVE = 2e-6
SMALLEST = float(np.finfo(np.float32).tiny)

laws = settings(deadline=None, max_examples=60)

# Multiples of 1/64 up to 64: sums with an integer up to 2^17 are exact in float32.
logits = st.integers(-4096, 4096).map(lambda n: n / 64)


def short_rows(least: int = 1) -> st.SearchStrategy[NDArray[np.float64]]:
    lengths = st.integers(least, 40)
    return lengths.flatmap(lambda n: arrays(np.float64, n, elements=logits))


def long_rows() -> st.SearchStrategy[NDArray[np.float64]]:
    made = st.builds(
        make_row, st.sampled_from(list(KINDS)), st.integers(41, 3000), st.integers(0, 99)
    )
    return made.map(lambda row: np.round(row * 64) / 64)


def rows(least: int = 1) -> st.SearchStrategy[NDArray[np.float64]]:
    return short_rows(least) | long_rows()


def any_dtype(row: NDArray[np.float64], name: str) -> NDArray[Any]:
    return row.astype(DTYPES[name])


def close(a: Any, b: Any, absolute: float = SMALLEST) -> None:
    np.testing.assert_allclose(a, b, rtol=RELATIVE, atol=absolute)


@laws
@given(rows(), st.sampled_from(list(DTYPES)), st.floats(0.1, 10.0))
def test_entropies_stay_in_their_bounds(
    row: NDArray[np.float64], dtype: str, temperature: float
) -> None:
    stats = logitkit.token_stats(any_dtype(row, dtype), temperature=temperature)
    tokens = np.isfinite(row).sum()
    assert 0 <= stats.entropy <= np.log(tokens) * (1 + RELATIVE)
    # The largest varentropy of n tokens is about (ln n)^2 / 4 + 1.
    assert 0 <= stats.varentropy <= np.log(tokens) ** 2 / 4 + 1 + RELATIVE
    assert 1 / tokens * (1 - RELATIVE) <= stats.max_prob <= 1
    least = float(stats.max) / temperature
    assert least - float(stats.logsumexp) <= RELATIVE * max(1.0, abs(least))
    assert stats.valid


@laws
@given(rows(), st.sampled_from(WIDE_DTYPES), st.integers(-(2**17), 2**17))
def test_a_shift_moves_logsumexp_alone(row: NDArray[np.float64], dtype: str, shift: int) -> None:
    x = any_dtype(row, dtype)
    targets = np.array([0, row.size - 1])
    plain = logitkit.token_stats(x, targets)
    shifted = logitkit.token_stats(x + x.dtype.type(shift), targets)
    close(np.float64(shifted.logsumexp), np.float64(plain.logsumexp) + shift, RELATIVE)
    for name in ("entropy", "varentropy", "max_prob", "log_prob"):
        close(getattr(shifted, name), getattr(plain, name))
    np.testing.assert_array_equal(shifted.rank, plain.rank)
    assert shifted.argmax == plain.argmax


@laws
@given(rows(), st.sampled_from(list(DTYPES)), st.integers(0, 999))
def test_the_order_of_tokens_does_not_matter(
    row: NDArray[np.float64], dtype: str, seed: int
) -> None:
    x = any_dtype(row, dtype)
    order = np.random.default_rng(seed).permutation(row.size)
    place = np.argsort(order)
    targets = np.arange(min(row.size, 5))
    plain = logitkit.token_stats(x, targets)
    permuted = logitkit.token_stats(x[order], place[targets])
    for name in ("entropy", "varentropy", "max_prob", "log_prob"):
        close(getattr(permuted, name), getattr(plain, name))
    close(permuted.logsumexp, plain.logsumexp, RELATIVE)
    np.testing.assert_array_equal(permuted.rank, plain.rank)
    assert permuted.max == plain.max


@laws
@given(rows(), st.sampled_from(list(DTYPES)), st.floats(0.1, 10.0))
def test_probabilities_sum_to_one(row: NDArray[np.float64], dtype: str, temperature: float) -> None:
    x = any_dtype(row, dtype)
    stats = logitkit.token_stats(x, np.arange(row.size), temperature=temperature)
    log_prob = stats.log_prob.astype(np.float64)
    prob = np.exp(log_prob)
    # An error of 1e-6 in each log-probability moves the sum by 1e-6 of the entropy.
    close(prob.sum(), 1.0, RELATIVE * np.log(row.size))
    surprisal = -log_prob[prob > 0] * prob[prob > 0]
    close(surprisal.sum(), stats.entropy, RELATIVE * np.log(row.size))


@laws
@given(rows(), st.sampled_from(list(DTYPES)))
def test_the_argmax_has_the_largest_probability(row: NDArray[np.float64], dtype: str) -> None:
    x = any_dtype(row, dtype)
    argmax = logitkit.token_stats(x).argmax
    stats = logitkit.token_stats(x, argmax)
    assert stats.rank == 1
    assert x[argmax] == stats.max
    close(np.exp(np.float64(stats.log_prob)), stats.max_prob)


@laws
@given(st.integers(1, 500), st.sampled_from(WIDE_DTYPES), st.integers(0, 999))
def test_ranks_without_ties_are_a_permutation(length: int, dtype: str, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(length)
    x = any_dtype(order / 8.0, dtype)
    np.testing.assert_array_equal(logitkit.rank(x, np.arange(length)), length - order)


@laws
@given(rows(2), st.sampled_from(list(DTYPES)), st.floats(1.01, 100.0))
def test_a_base_divides_by_its_logarithm(row: NDArray[np.float64], dtype: str, base: float) -> None:
    x = any_dtype(row, dtype)
    nats = logitkit.token_stats(x, np.int64(1))
    other = logitkit.token_stats(x, np.int64(1), base=base)
    unit = np.log(base)
    close(other.entropy, nats.entropy / unit)
    close(other.varentropy, nats.varentropy / unit**2)
    close(other.log_prob, nats.log_prob / unit)
    assert other.logsumexp == nats.logsumexp
    close(logitkit.entropy(x, base=base), other.entropy)
    close(logitkit.varentropy(x, base=base), other.varentropy)
    close(logitkit.log_prob(x, np.int64(1), base=base), other.log_prob)


@laws
@given(rows(), st.sampled_from(WIDE_DTYPES), st.integers(-5, 5))
def test_a_temperature_divides_the_logits(
    row: NDArray[np.float64], dtype: str, exponent: int
) -> None:
    x = any_dtype(row, dtype)
    temperature = 2.0**exponent
    divided = logitkit.token_stats(x / x.dtype.type(temperature), np.int64(0))
    tempered = logitkit.token_stats(x, np.int64(0), temperature=temperature)
    for name in ("logsumexp", "entropy", "varentropy", "max_prob", "log_prob"):
        close(getattr(tempered, name), getattr(divided, name))
    assert tempered.max == x.max()


@laws
@given(rows(2), st.sampled_from(WIDE_DTYPES), st.data())
def test_two_parts_make_the_whole(
    row: NDArray[np.float64], dtype: str, data: st.DataObject
) -> None:
    x = any_dtype(row, dtype)
    cut = data.draw(st.integers(1, row.size - 1))
    parts = [logitkit.token_stats(part) for part in (x[:cut], x[cut:])]
    whole = logitkit.token_stats(x)
    alive = [part for part in parts if part.valid]
    each = np.array([part.logsumexp for part in alive], np.float64)
    close(whole.logsumexp, np.logaddexp.reduce(each), RELATIVE)
    # The chain rule: the entropy of the choice of a part, and what is left within it.
    share = np.exp(each - np.logaddexp.reduce(each))
    entropy = sum(p * part.entropy for p, part in zip(share, alive, strict=True))
    close(whole.entropy, entropy - np.sum(share * np.log(share)), 10 * RELATIVE)


@laws
@given(rows(), st.sampled_from(list(DTYPES)), st.integers(1, 6), st.integers(1, 4))
def test_a_batch_is_its_rows(
    row: NDArray[np.float64], dtype: str, copies: int, threads: int
) -> None:
    x = any_dtype(row, dtype)
    batch = np.stack([np.roll(x, i) for i in range(copies)])
    targets = np.arange(copies) % row.size
    together = logitkit.token_stats(batch, targets, threads=threads)
    for i in range(copies):
        alone = logitkit.token_stats(batch[i], targets[i])
        for name in ("max", "argmax", "logsumexp", "entropy", "varentropy", "log_prob", "rank"):
            assert getattr(together, name)[i] == getattr(alone, name), name


@laws
@given(rows(), st.sampled_from(list(DTYPES)))
def test_perplexity_of_one_target_is_its_inverse_probability(
    row: NDArray[np.float64], dtype: str
) -> None:
    x = any_dtype(row, dtype)
    target = np.array([int(np.argmax(row))])
    log_prob = np.float64(logitkit.log_prob(x[None], target)[0])
    close(logitkit.perplexity(x[None], target), np.exp(-log_prob))
