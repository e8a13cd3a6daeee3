"""The work of the commands, callable from Python."""

from logitkit.jobs.score import score
from logitkit.jobs.summary import ScoreSummary

__all__ = ["ScoreSummary", "score"]
