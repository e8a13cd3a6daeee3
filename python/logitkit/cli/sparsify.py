"""``logitkit sparsify``: the tokens that hold most of the mass."""

import argparse
from typing import Any

from logitkit import jobs
from logitkit.cli import options


def add(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "sparsify",
        allow_abbrev=False,
        help="keep the largest logits of each row, and the mass of the rest",
        description="Keep the tokens of each row that hold most of the mass, with their logits and "
        "log-probabilities and the mass that they have: what distillation stores. "
        "logitkit.Candidates.load reads the output.",
    )
    parser.set_defaults(run=run)
    parser.add_argument("inputs", nargs="+", metavar="IN", help=options.INPUTS)
    parser.add_argument(
        "-o", "--output", required=True, metavar="OUT", help=".npz, .safetensors or .parquet"
    )
    parser.add_argument("--top-n", type=int, metavar="N", help="keep N tokens of each row")
    parser.add_argument("--top-p", type=float, metavar="P", help="keep the tokens with this mass")
    parser.add_argument(
        "--keep-entropy", action="store_true", help="also keep the entropy of each full row"
    )
    options.add_which_tensor(parser)
    options.add_which_targets(parser)
    options.add_which_rows(parser)
    options.add_how_it_runs(parser)


def run(given: argparse.Namespace) -> None:
    """Run the command."""
    summary = jobs.sparsify(
        given.inputs,
        given.output,
        top_n=given.top_n,
        top_p=given.top_p,
        keep_entropy=given.keep_entropy,
        logits=given.logits,
        targets=given.targets,
        ignore_index=given.ignore_index,
        dtype=given.dtype,
        **options.of_the_run(given),
    )
    options.print_summary(summary, given)
