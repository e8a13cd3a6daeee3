"""Filters of this package in the places where other packages take theirs.

`logitkit.integrations.hf` has logits processors for transformers,
`logitkit.integrations.llama_cpp` one for llama-cpp-python. Each needs the package that it is for,
if any, and `import logitkit` imports none of them.
"""
