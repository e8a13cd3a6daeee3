"""Damaged files are read or refused; see `fuzz`.

In the corpus is one file of each kind of refusal, and some that once were neither: Arrow files that
ended the process, archives of things that are no arrays, a negative number of rows.
"""

from pathlib import Path

import pytest

from .fuzz import fuzz, outcome, reader_of

CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_the_corpus_is_refused(path: Path) -> None:
    assert outcome(path, reader_of(path))


def test_some_damaged_files(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    assert fuzz(1500, seed=20, keep=kept) == []
    assert len(list(kept.iterdir())) > 50
