"""Benchmarks of logitkit against the machine's read bandwidth and against its peers.

`README.md` beside this file says how to run them and how to read what they print.
"""
