"""``python -m logitkit`` is the command ``logitkit``."""

import sys

from logitkit.cli import main

if __name__ == "__main__":
    sys.exit(main())
