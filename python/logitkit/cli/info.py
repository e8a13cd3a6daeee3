"""``logitkit info``: what is in files."""

import argparse
import json
from typing import Any

from logitkit.cli import options
from logitkit.io import TensorFile, expand_inputs, open_tensor_file


def add(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "info",
        allow_abbrev=False,
        help="list the tensors in files",
        description="List the tensors in files, their element types and shapes.",
    )
    parser.set_defaults(run=run)
    parser.add_argument("files", nargs="+", metavar="FILE", help=options.INPUTS)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(given: argparse.Namespace) -> None:
    """Run the command."""
    files = [open_tensor_file(path) for path in expand_inputs(given.files)]
    if given.json:
        options.print_out(json.dumps([file.as_dict() for file in files], indent=2))
    else:
        options.print_out("\n\n".join(map(_listing, files)))


def _listing(file: TensorFile) -> str:
    cells = [
        (tensor.name or "", tensor.element, str(list(tensor.shape)), f"{tensor.nbytes} bytes")
        for tensor in file.tensors
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ("  ".join(map(str.ljust, line, widths)) for line in cells)
    return "\n".join([file.path, *(f"  {line.rstrip()}" for line in lines)])
