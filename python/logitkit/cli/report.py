"""``logitkit report``: a page to look at scores."""

import argparse
from typing import Any

from logitkit import jobs
from logitkit.cli import options
from logitkit.io.table import TABLE_SUFFIXES


def add(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "report",
        allow_abbrev=False,
        help="show scores on a page, with the text in the colours of surprisal",
        description="Write a page, one file that needs nothing from elsewhere, that shows what "
        "tables of scores are like: distributions, calibration, differences between models, and "
        "the worst sequences as text in the colours of their surprisal.",
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "scores",
        nargs="+",
        metavar="SCORES",
        help=f"what score has written, one for each model: {', '.join(TABLE_SUFFIXES)}",
    )
    parser.add_argument("-o", "--output", required=True, metavar="OUT", help=".html")
    parser.add_argument(
        "--vocab", metavar="FILE", help="the texts of the tokens: vocab.json or tokenizer.json"
    )
    parser.add_argument(
        "--base",
        type=options.base,
        metavar="B",
        help="base of logarithms of the tables (default: e)",
    )
    parser.add_argument(
        "--sequences",
        type=int,
        default=20,
        metavar="N",
        help="how many sequences are shown as text (default: 20)",
    )
    parser.add_argument("--title", default="Scores", help="the heading")
    parser.add_argument("--force", action="store_true", help="replace the output if it exists")


def run(given: argparse.Namespace) -> None:
    """Run the command."""
    jobs.report(
        given.scores,
        given.output,
        vocab=given.vocab,
        base=given.base,
        sequences=given.sequences,
        title=given.title,
        force=given.force,
    )
