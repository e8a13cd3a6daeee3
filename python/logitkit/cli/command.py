"""The command ``logitkit``: its arguments, and what it prints.

Exit status: 0; 1 if a file is at fault; 2 if the arguments are; 128 plus the number of the signal
that ended it. An error is one line on standard error.
"""

import argparse
import io
import signal
import sys
import warnings
from collections.abc import Sequence
from types import FrameType
from typing import Final, NoReturn, TextIO

from logitkit import __version__
from logitkit.cli import compare, convert, info, report, score, sparsify
from logitkit.io import DataError

_COMMANDS: Final = (score, compare, report, sparsify, convert, info)
_FILE_ERROR: Final = 1
_USAGE_ERROR: Final = 2


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


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{message} ({self.prog} --help shows what is known)")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="logitkit", description="Statistics of files of logits.")
    parser.add_argument("--version", action="version", version=f"logitkit {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in _COMMANDS:
        command.add(commands)
    return parser
