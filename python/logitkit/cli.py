"""The command ``logitkit``: its arguments, and what it prints.

Exit status: 0; 1 if a file is at fault; 2 if the arguments are; 128 plus the number of the signal
that ended it. An error is one line on standard error.
"""

import argparse
import io
import json
import os
import signal
import sys
import warnings
from collections.abc import Sequence
from types import FrameType
from typing import Any, NoReturn, TextIO

from logitkit import __version__
from logitkit.io import OUTPUT_SUFFIXES, DataError, TensorFile, expand_inputs, open_tensor_file
from logitkit.io.logit_sink import LOGIT_SUFFIXES
from logitkit.io.table import TABLE_SUFFIXES
from logitkit.io.tensor import LOGIT_ELEMENTS
from logitkit.io.tensor_file import SUFFIXES
from logitkit.jobs import compare, convert, report, score, sparsify

_FILE_ERROR = 1
_USAGE_ERROR = 2
_INPUTS = f"{', '.join(SUFFIXES)}, an index, a directory of files, or a pattern"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    arguments : sequence of str, optional
        The arguments; default: those of the process.

    Returns
    -------
    int
        The exit status.
    """
    for stream in (sys.stdout, sys.stderr):
        # A name in a file, or of one, may hold what the terminal cannot show.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    _exit_on_signals()
    warnings.showwarning = _warn
    try:
        options = _parser().parse_args(arguments)
        options.run(options)
        return 0
    except KeyboardInterrupt:
        return _fail("interrupted", 128 + signal.SIGINT)
    except OSError as error:
        name = "" if error.filename is None else f"{error.filename}: "
        return _fail(f"{name}{error.strerror or error}", _FILE_ERROR)
    except (DataError, ImportError, MemoryError) as error:
        return _fail(str(error), _FILE_ERROR)
    except (ValueError, TypeError) as error:
        return _fail(str(error), _USAGE_ERROR)


def _fail(message: str, status: int) -> int:
    line = message.replace("\r", "\\r").replace("\n", "\\n")
    print(f"logitkit: {line}", file=sys.stderr)
    return status


def _warn(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    text = str(message).replace("\r", "\\r").replace("\n", "\\n")
    print(f"logitkit: warning: {text}", file=sys.stderr)


def _exit_on_signals() -> None:
    """Let signals that end a process unwind it, so that it leaves no temporary file."""

    def leave(number: int, frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        # Not where a caller, such as nohup, has the signal ignored.
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, leave)


def _print(text: str) -> None:
    try:
        print(text, flush=True)
    except OSError as error:
        # Python flushes once more at exit, and must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            # What a shell reports of a command whose reader has gone.
            raise SystemExit(128 + 13) from None
        error.filename = "standard output"
        raise


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{message} ({self.prog} --help shows what is known)")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="logitkit", description="Statistics of files of logits.")
    parser.add_argument("--version", action="version", version=f"logitkit {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_score(commands)
    _add_compare(commands)
    _add_sparsify(commands)
    _add_convert(commands)
    _add_report(commands)
    _add_info(commands)
    return parser


def _add_score(commands: Any) -> None:
    parser = commands.add_parser(
        "score",
        allow_abbrev=False,
        help="write a table of statistics with one row for each token",
        description="Write a table with one row for each token: entropy, log-probability and rank "
        "of its target, and more. Files may be far larger than memory.",
    )
    parser.set_defaults(run=_score)
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help=_INPUTS)
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="OUT",
        help=f"the table; its suffix says the format: {', '.join(OUTPUT_SUFFIXES)}",
    )
    _add_what_is_read(parser)
    parser.add_argument(
        "--base",
        type=_base,
        metavar="B",
        help="base of logarithms: e for nats (default), 2 for bits, or any number above 1",
    )
    parser.add_argument(
        "--top-k",
        type=int,
        metavar="K",
        help="also list the tokens with the K largest logits of each row and their "
        "log-probabilities (in .csv one column for each place)",
    )
    _add_which_rows(parser)
    _add_how_it_runs(parser)


def _add_compare(commands: Any) -> None:
    parser = commands.add_parser(
        "compare",
        allow_abbrev=False,
        help="compare the logits of two models for the same tokens",
        description="Compare the logits of two models for the same tokens: perplexities and their "
        "ratio, Kullback-Leibler divergence from the base, changes of the targets' probabilities, "
        "agreement of the top tokens. Files may be far larger than memory.",
    )
    parser.set_defaults(run=_compare)
    parser.add_argument("base", metavar="BASE", help=f"the original: {_INPUTS}")
    parser.add_argument("other", metavar="OTHER", help="a quantised one, say, of the same shape")
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        help="a table with one row for each token; its suffix says the format: "
        f"{', '.join(OUTPUT_SUFFIXES)}",
    )
    _add_what_is_read(parser)
    _add_which_rows(parser)
    _add_how_it_runs(parser)


def _add_sparsify(commands: Any) -> None:
    parser = commands.add_parser(
        "sparsify",
        allow_abbrev=False,
        help="keep the largest logits of each row, and the mass of the rest",
        description="Keep the tokens of each row that hold most of the mass, with their logits and "
        "log-probabilities and the mass that they have: what distillation stores. "
        "logitkit.Candidates.load reads the output.",
    )
    parser.set_defaults(run=_sparsify)
    parser.add_argument("inputs", nargs="+", metavar="IN", help=_INPUTS)
    parser.add_argument(
        "-o", "--output", required=True, metavar="OUT", help=".npz, .safetensors or .parquet"
    )
    parser.add_argument("--top-n", type=int, metavar="N", help="keep N tokens of each row")
    parser.add_argument("--top-p", type=float, metavar="P", help="keep the tokens with this mass")
    parser.add_argument(
        "--keep-entropy", action="store_true", help="also keep the entropy of each full row"
    )
    _add_which_tensor(parser)
    _add_which_targets(parser)
    _add_which_rows(parser)
    _add_how_it_runs(parser)


def _add_convert(commands: Any) -> None:
    parser = commands.add_parser(
        "convert",
        allow_abbrev=False,
        help="write logits in another format",
        description="Write logits, and the targets beside them, in another format. Bits stay what "
        "they are unless --to-dtype says otherwise.",
    )
    parser.set_defaults(run=_convert)
    parser.add_argument("inputs", nargs="+", metavar="IN", help=_INPUTS)
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="OUT",
        help=f"its suffix says the format: {', '.join((*LOGIT_SUFFIXES, '.kld'))}",
    )
    _add_which_tensor(parser)
    _add_which_targets(parser)
    parser.add_argument(
        "--to-dtype", choices=LOGIT_ELEMENTS, help="the element type to write (default: as it is)"
    )
    _add_which_rows(parser, resume=False)
    _add_how_it_ends(parser)


def _add_report(commands: Any) -> None:
    parser = commands.add_parser(
        "report",
        allow_abbrev=False,
        help="show scores on a page, with the text in the colours of surprisal",
        description="Write a page, one file that needs nothing from elsewhere, that shows what "
        "tables of scores are like: distributions, calibration, differences between models, and "
        "the worst sequences as text in the colours of their surprisal.",
    )
    parser.set_defaults(run=_report)
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
        "--base", type=_base, metavar="B", help="base of logarithms of the tables (default: e)"
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


def _add_which_tensor(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--logits",
        metavar="NAME",
        help="the tensor with the logits (default: 'logits', else the only one that can be)",
    )
    parser.add_argument(
        "--dtype", choices=LOGIT_ELEMENTS, help="what raw bits in the file are, such as bfloat16"
    )


def _add_what_is_read(parser: argparse.ArgumentParser) -> None:
    _add_which_tensor(parser)
    _add_which_targets(parser)
    parser.add_argument("--temperature", type=float, default=1.0, metavar="T", help="default: 1")


def _add_which_targets(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--targets",
        metavar="NAME|FILE|none",
        help="the target tokens: a tensor beside the logits, a file, or none (default: the tensor "
        "'targets' if there is one)",
    )
    parser.add_argument(
        "--ignore-index", type=int, metavar="ID", help="the target of rows that have none"
    )


def _add_which_rows(parser: argparse.ArgumentParser, *, resume: bool = True) -> None:
    parser.add_argument(
        "--rows", metavar="A:B", help="only these rows, counted from 0 through all inputs"
    )
    parser.add_argument(
        "--shard", metavar="I/N", help="only the I-th of N shares of the rows; 1/N is the first"
    )
    if resume:
        parser.add_argument(
            "--resume",
            action="store_true",
            help="keep finished parts beside the output while it grows, and continue from those "
            "that a run which was stopped has left",
        )


def _add_how_it_runs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--threads", type=int, metavar="N", help="default: all cores")
    _add_how_it_ends(parser)


def _add_how_it_ends(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    parser.add_argument("--quiet", action="store_true", help="print no summary, show no progress")
    parser.add_argument("--force", action="store_true", help="replace the output if it exists")


def _add_info(commands: Any) -> None:
    parser = commands.add_parser(
        "info",
        allow_abbrev=False,
        help="list the tensors in files",
        description="List the tensors in files, their element types and shapes.",
    )
    parser.set_defaults(run=_info)
    parser.add_argument("files", nargs="+", metavar="FILE", help=_INPUTS)
    parser.add_argument("--json", action="store_true", help="print JSON")


def _base(text: str) -> float | None:
    return None if text == "e" else float(text)


def _score(options: argparse.Namespace) -> None:
    summary = score(
        options.inputs,
        options.output,
        logits=options.logits,
        targets=options.targets,
        dtype=options.dtype,
        temperature=options.temperature,
        base=options.base,
        ignore_index=options.ignore_index,
        top_k=options.top_k,
        rows=options.rows,
        shard=options.shard,
        resume=options.resume,
        threads=options.threads,
        force=options.force,
        progress=not options.quiet,
    )
    if not options.quiet:
        _print(json.dumps(summary.as_dict(), indent=2) if options.json else str(summary))


def _compare(options: argparse.Namespace) -> None:
    comparison = compare(
        options.base,
        options.other,
        options.output,
        logits=options.logits,
        targets=options.targets,
        dtype=options.dtype,
        temperature=options.temperature,
        ignore_index=options.ignore_index,
        rows=options.rows,
        shard=options.shard,
        resume=options.resume,
        threads=options.threads,
        force=options.force,
        progress=not options.quiet,
    )
    if not options.quiet:
        _print(json.dumps(comparison.as_dict(), indent=2) if options.json else str(comparison))


def _sparsify(options: argparse.Namespace) -> None:
    summary = sparsify(
        options.inputs,
        options.output,
        top_n=options.top_n,
        top_p=options.top_p,
        keep_entropy=options.keep_entropy,
        logits=options.logits,
        targets=options.targets,
        ignore_index=options.ignore_index,
        dtype=options.dtype,
        rows=options.rows,
        shard=options.shard,
        resume=options.resume,
        threads=options.threads,
        force=options.force,
        progress=not options.quiet,
    )
    if not options.quiet:
        _print(json.dumps(summary.as_dict(), indent=2) if options.json else str(summary))


def _convert(options: argparse.Namespace) -> None:
    summary = convert(
        options.inputs,
        options.output,
        logits=options.logits,
        targets=options.targets,
        dtype=options.dtype,
        to_dtype=options.to_dtype,
        ignore_index=options.ignore_index,
        rows=options.rows,
        shard=options.shard,
        force=options.force,
        progress=not options.quiet,
    )
    if not options.quiet:
        _print(json.dumps(summary.as_dict(), indent=2) if options.json else str(summary))


def _report(options: argparse.Namespace) -> None:
    report(
        options.scores,
        options.output,
        vocab=options.vocab,
        base=options.base,
        sequences=options.sequences,
        title=options.title,
        force=options.force,
    )


def _info(options: argparse.Namespace) -> None:
    files = [open_tensor_file(path) for path in expand_inputs(options.files)]
    if options.json:
        _print(json.dumps([file.as_dict() for file in files], indent=2))
    else:
        _print("\n\n".join(map(_listing, files)))


def _listing(file: TensorFile) -> str:
    cells = [
        (tensor.name or "", tensor.element, str(list(tensor.shape)), f"{tensor.nbytes} bytes")
        for tensor in file.tensors
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ("  ".join(map(str.ljust, line, widths)) for line in cells)
    return "\n".join([file.path, *(f"  {line.rstrip()}" for line in lines)])
