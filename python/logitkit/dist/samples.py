"""Entropy of samples of any kind, and what a split of labelled samples tells of the labels."""

from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logitkit._arguments import as_scale
from logitkit._arrays import as_array
from logitkit.dist._sums import relative_entropy_terms
from logitkit.dist.counts import Estimator, entropy_of_counts


def entropy_of_samples(
    samples: Iterable[Hashable],
    /,
    *,
    estimator: Estimator = "plugin",
    base: float | None = None,
) -> float:
    r"""Estimate of the entropy of the distribution that samples were drawn from.

    .. math:: H_0 = -\sum_i \frac{n_i}{N} \log \frac{n_i}{N}

    where :math:`n_i` of the N samples are equal to the i-th outcome [1]_; other estimators are
    those of `entropy_of_counts`.

    Parameters
    ----------
    samples : iterable of hashable
        A one-dimensional array, a list of strings, numbers or tuples, a string for its characters:
        samples count as the same if they are equal, as the keys of a dict do.
    estimator : {"plugin", "miller-madow", "grassberger", "chao-shen"}
        The formula: see `entropy_of_counts`.
    base : float, optional
        Base of the logarithm, greater than 1: 2 for bits; default: nats.

    Returns
    -------
    float
        0 where all samples are equal, but for what `entropy_of_counts` says of
        ``"grassberger"``.

    Raises
    ------
    TypeError
        If `samples` are not iterable or one of them is not hashable (the message names the first).
    ValueError
        If there are no samples, if one is NaN, which does not equal itself (the message names the
        first), if an array has not one axis, or if an argument is out of its range.

    References
    ----------
    .. [1] C. E. Shannon, "A mathematical theory of communication", Bell System Technical Journal
       27 (1948) 379-423.

    Examples
    --------
    >>> import logitkit
    >>> round(logitkit.dist.entropy_of_samples(["sun", "rain", "sun", "snow"], base=2), 12)
    1.5
    """
    counts = np.bincount(as_codes(samples, "samples"))
    return float(entropy_of_counts(counts, estimator=estimator, base=base))


def information_gain(
    labels: Iterable[Hashable], split: Iterable[Hashable], /, *, base: float | None = None
) -> float:
    r"""Information that a split of samples gives about their labels.

    .. math:: H(Y) - \sum_b \frac{N_b}{N} H(Y | b)

    the entropy of the labels less what is left of it, on average, in the branches b of the split:
    the criterion of decision trees [1]_. It is the mutual information of labels and branches, and
    is computed as such, without cancellation.

    Parameters
    ----------
    labels : iterable of hashable
        The label of each sample; see `entropy_of_samples` for what is accepted.
    split : iterable of hashable
        The branch that each sample goes to, in the same order: a truth value of a test, or the
        value of a feature.
    base : float, optional
        Base of the logarithm, greater than 1: 2 for bits; default: nats.

    Returns
    -------
    float
        Between 0, where labels are distributed alike in all branches, and the entropy of the
        labels, where each branch has one label alone.

    Raises
    ------
    TypeError
        If an argument is not iterable or not of hashables (the message names the first), or `base`
        is not a number.
    ValueError
        If there are no samples, if one is NaN, if `labels` and `split` are not as many, or if
        `base` is out of its range.

    References
    ----------
    .. [1] J. R. Quinlan, "Induction of decision trees", Machine Learning 1 (1986) 81-106.

    Examples
    --------
    >>> import logitkit
    >>> labels = ["yes", "yes", "no", "no"]
    >>> weather = ["warm", "warm", "cold", "cold"]
    >>> round(logitkit.dist.information_gain(labels, weather, base=2), 12)
    1.0
    >>> logitkit.dist.information_gain(labels, [True, False, True, False], base=2)
    0.0
    """
    scale = as_scale(base)
    y, x = as_samples_of_two(labels, split)
    # Only pairs that occur are listed, so that a split with a branch for each sample needs no
    # table of all labels in all branches; integers, so that nothing is rounded.
    pairs, together = np.unique(x * (y.max() + 1) + y, return_counts=True)
    branch, label = np.divmod(pairs, y.max() + 1)
    observed = together.astype(np.int64) * x.size
    expected = np.bincount(x).astype(np.int64)[branch] * np.bincount(y)[label]
    terms = relative_entropy_terms(
        observed.astype(np.float64),
        expected.astype(np.float64),
        (observed - expected).astype(np.float64),
    )
    # Of a pair that does not occur the term is what was expected of it.
    absent = x.size**2 - int(expected.sum())
    return float((terms.sum() + absent) / x.size**2 * scale)


def gain_ratio(labels: Iterable[Hashable], split: Iterable[Hashable], /) -> float:
    r"""Information gain of a split, as a share of the entropy of the split itself.

    .. math:: \frac{H(Y) - \sum_b \frac{N_b}{N} H(Y | b)}{-\sum_b \frac{N_b}{N}
       \log \frac{N_b}{N}}

    which does not favour splits into many branches as the gain does [1]_.

    Parameters
    ----------
    labels : iterable of hashable
        The label of each sample; see `entropy_of_samples` for what is accepted.
    split : iterable of hashable
        The branch that each sample goes to, in the same order.

    Returns
    -------
    float
        Between 0 and 1, without a unit. 0 for a split with one branch, which tells nothing.

    Raises
    ------
    TypeError
        If an argument is not iterable or not of hashables (the message names the first).
    ValueError
        If there are no samples, if one is NaN, or if `labels` and `split` are not as many.

    References
    ----------
    .. [1] J. R. Quinlan, "Induction of decision trees", Machine Learning 1 (1986) 81-106.

    Examples
    --------
    >>> import logitkit
    >>> labels = ["yes", "yes", "no", "no"]
    >>> round(logitkit.dist.gain_ratio(labels, ["warm", "warm", "cold", "cold"]), 12)
    1.0
    >>> round(logitkit.dist.gain_ratio(labels, [1, 2, 3, 4]), 12)
    0.5
    """
    y, x = as_samples_of_two(labels, split)
    of_split = entropy_of_samples(x)
    return information_gain(y, x) / of_split if of_split else 0.0


def as_samples_of_two(
    labels: Iterable[Hashable], split: Iterable[Hashable]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Check that labels and branches are as many, and give both as numbers from 0."""
    y, x = as_codes(labels, "labels"), as_codes(split, "split")
    if y.size != x.size:
        raise ValueError(
            f"labels are {y.size} and split are {x.size}; expected one branch for each label"
        )
    return y, x


def as_codes(samples: Any, name: str) -> NDArray[np.int64]:
    """Give each sample the number, from 0, of what it is equal to."""
    if hasattr(samples, "__array__") or hasattr(samples, "__dlpack_device__"):
        array, _ = as_array(samples, name)
        if array.ndim != 1:
            raise ValueError(
                f"{name} of shape {array.shape}; expected one axis: pass .ravel(), or a list of "
                "tuples if each row is one sample"
            )
        # Sorting is faster than hashing, but not every object has an order.
        if array.size and array.dtype.kind in "biuSU":
            return np.unique(array, return_inverse=True)[1].astype(np.int64, copy=False)
        samples = array.tolist()
    numbers: dict[Hashable, int] = {}
    codes = []
    try:
        iterator = iter(samples)
    except TypeError:
        raise TypeError(
            f"{name} is a {type(samples).__name__}; expected an array, a list or another iterable"
        ) from None
    for place, sample in enumerate(iterator):
        try:
            codes.append(numbers.setdefault(sample, len(numbers)))
        except TypeError:
            raise TypeError(
                f"{name}[{place}] is a {type(sample).__name__}, which is not hashable; expected "
                "strings, numbers or tuples: convert it with tuple(...)"
            ) from None
        if isinstance(sample, float | np.floating) and sample != sample:
            raise ValueError(
                f"{name}[{place}] is NaN, which does not equal itself; expected samples that can "
                "be told apart: leave it out, or put None in its place"
            )
    if not codes:
        raise ValueError(f"{name} are empty; expected at least one")
    return np.array(codes, np.int64)
