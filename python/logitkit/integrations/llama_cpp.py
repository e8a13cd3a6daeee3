"""A logits processor for llama-cpp-python: filters before its sampler.

It is called with NumPy arrays, so that this module needs no other package.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logitkit.filters import filter_logits
from logitkit.integrations._options import check_options
from logitkit.steps import Step

__all__ = ["logits_processor"]


def logits_processor(
    steps: Sequence[Step] | None = None, **options: Any
) -> Callable[[NDArray[np.intc], NDArray[np.single]], NDArray[np.single]]:
    """Make a callable for the argument `logits_processor` of `llama_cpp.Llama`'s methods.

    llama.cpp's own sampler runs behind it: leave its filters off (``top_k=0, top_p=1.0, min_p=0.0,
    temperature=1.0``) so that it only draws.

    Parameters
    ----------
    steps : sequence of Step, optional
        Steps from `logitkit.steps`, instead of keywords.
    **options
        Keywords of `logitkit.filter_logits`: `temperature`, `top_k`, `top_p` and their kin,
        `order`, `joint`, `ties`, `min_keep`, `on_invalid`, `fill` and `threads`.

    Returns
    -------
    callable
        Of the ids so far, which it does not look at, and the float32 scores of the next token: a
        new array of scores.

    Raises
    ------
    TypeError, ValueError
        As `logitkit.filter_logits` does of its arguments, and where the scores cannot be filtered.

    Examples
    --------
    >>> import numpy as np
    >>> from logitkit.integrations.llama_cpp import logits_processor
    >>> processor = logits_processor(temperature=0.5, min_p=0.1)
    >>> processor(np.array([1, 2], np.intc), np.array([0, 1, 2, 3], np.single))
    array([-inf, -inf, 4., 6.], dtype=float32)

    With llama-cpp-python, a list of processors where there are several::

        llm = llama_cpp.Llama(model_path)
        llm.create_completion(prompt, logits_processor=llama_cpp.LogitsProcessorList([processor]))
    """
    check_options(steps, options)

    def process(input_ids: NDArray[np.intc], scores: NDArray[np.single]) -> NDArray[np.single]:
        return filter_logits(scores, steps, **options)

    return process
