"""A page to look at scores: what is in it, its figures, and its HTML.

`scores` says what a table comes to, `figures` draws it, `text` shows the tokens, `page` puts all of
it together with the style sheet and the script beside it.
"""

from logitkit.report.page import render
from logitkit.report.scores import Scores

__all__ = ["Scores", "render"]
