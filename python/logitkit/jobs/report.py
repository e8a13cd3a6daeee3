"""A page to look at scores with: tables in, one HTML file out."""

import math
import os
from collections.abc import Sequence

from logitkit._arguments import as_scale
from logitkit.io.atomic import atomic_output, check_output
from logitkit.io.errors import display_name
from logitkit.io.inputs import expand_inputs
from logitkit.io.optional import import_optional
from logitkit.io.table import read_table
from logitkit.io.vocabulary import read_vocabulary

_SUFFIXES = (".html", ".htm")


def report(
    scores: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    *,
    vocab: str | os.PathLike[str] | None = None,
    base: float | None = None,
    sequences: int = 20,
    title: str = "Scores",
    force: bool = False,
) -> None:
    r"""Write a page that shows what tables of scores are like.

    It has the means with their confidence intervals; histograms of entropy and surprisal, entropy
    over position and a calibration diagram; for several tables the differences of the others from
    the first; and the worst sequences of the first as text, each token in the colour of its
    surprisal or entropy. It is one file that needs nothing from elsewhere.

    Parameters
    ----------
    scores : str, PathLike, or sequence of them
        Tables that `logitkit.jobs.score` has written, one for each model, six at most; with
        ``top_k`` in it a token's alternatives are shown, too.
    output : str or PathLike
        The page, ``.html``. It appears whole or not at all.
    vocab : str or PathLike, optional
        The texts of the tokens: a ``vocab.json`` (a list of texts by id, or an object that maps
        texts to ids) or a ``tokenizer.json`` (which needs the package tokenizers). By default
        tokens are shown as numbers.
    base : float, optional
        The base of logarithms that the tables are in. Default: nats.
    sequences : int, default 20
        How many sequences are shown as text. Tables without sequences are cut every 256 rows.
    title : str, default "Scores"
        The heading.
    force : bool, default False
        Replace the output if it exists.

    Raises
    ------
    DataError
        If a table or the vocabulary does not hold what it should. A `ValueError`.
    OSError
        If a file cannot be read or written, or the output exists and not `force`.
    ValueError
        If an argument is not what it should be.
    ModuleNotFoundError
        If matplotlib is not installed, or what a format needs: ``pip install 'logitkit[report]'``.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> from logitkit.jobs import report, score
    >>> with tempfile.TemporaryDirectory() as name:
    ...     folder = pathlib.Path(name)
    ...     np.save(folder / "logits.npy", np.log([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]]))
    ...     np.save(folder / "targets.npy", np.array([0, 2]))
    ...     _ = score(folder / "logits.npy", folder / "a.csv", targets=folder / "targets.npy")
    ...     report(folder / "a.csv", folder / "a.html", title="Three tokens")
    ...     page = (folder / "a.html").read_text(encoding="utf-8")
    >>> "<h1>Three tokens</h1>" in page
    True
    """
    path = os.fspath(output)
    if os.path.splitext(path)[1].lower() not in _SUFFIXES:
        raise ValueError(f"output={path!r}; expected a name that ends in {' or '.join(_SUFFIXES)}")
    if isinstance(sequences, bool) or not isinstance(sequences, int) or sequences < 0:
        raise ValueError(f"sequences={sequences!r}; expected an int >= 0")
    as_scale(base)
    check_output(path, force=force)
    import_optional("matplotlib", "a report", "pip install 'logitkit[report]'")
    from logitkit.report import Scores, render
    from logitkit.report.figures import MOST_MODELS

    paths = expand_inputs(scores)
    if not 0 < len(paths) <= MOST_MODELS:
        raise ValueError(f"{len(paths)} tables; expected 1 to {MOST_MODELS}, one for each model")
    models = [Scores(display_name(path), read_table(path)) for path in paths]
    page = render(
        models,
        title=title,
        text_of=str if vocab is None else read_vocabulary(vocab),
        base=math.e if base is None else float(base),
        sequences=sequences,
    )
    with atomic_output(path, force=force) as file:
        # A text may hold half of a surrogate pair.
        file.write(page.encode("utf-8", "replace"))
