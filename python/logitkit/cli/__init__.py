"""The command ``logitkit``; one module for each of its commands."""

from logitkit.cli.command import main

__all__ = ["main"]
