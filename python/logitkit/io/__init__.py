"""Files of logits in, tables of results out; one module per format.

`opening` finds the logits in files, `source` reads them block by block, `targets` finds the tokens
that belong to them, `sink` writes tables. Nothing here needs more than NumPy, but for formats of
other packages, which are imported where they are used.
"""

from logitkit.io.columns import Column
from logitkit.io.errors import DataError
from logitkit.io.inputs import expand_inputs
from logitkit.io.kld import write_kld
from logitkit.io.opening import join_logits, open_logits
from logitkit.io.sink import OUTPUT_SUFFIXES, open_sink
from logitkit.io.source import LogitSource
from logitkit.io.targets import read_targets
from logitkit.io.tensor import Tensor
from logitkit.io.tensor_file import TensorFile, open_tensor_file

__all__ = [
    "OUTPUT_SUFFIXES",
    "Column",
    "DataError",
    "LogitSource",
    "Tensor",
    "TensorFile",
    "expand_inputs",
    "join_logits",
    "open_logits",
    "open_sink",
    "open_tensor_file",
    "read_targets",
    "write_kld",
]
