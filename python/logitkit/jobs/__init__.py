"""The work of the commands, callable from Python."""

from logitkit.jobs.compare import compare
from logitkit.jobs.comparison import Comparison
from logitkit.jobs.convert import ConvertSummary, convert
from logitkit.jobs.estimates import Distribution, Estimate
from logitkit.jobs.report import report
from logitkit.jobs.score import score
from logitkit.jobs.sparsify import SparseSummary, sparsify
from logitkit.jobs.summary import ScoreSummary

__all__ = [
    "Comparison",
    "ConvertSummary",
    "Distribution",
    "Estimate",
    "ScoreSummary",
    "SparseSummary",
    "compare",
    "convert",
    "report",
    "score",
    "sparsify",
]
