"""Benchmarks: ``python -m benchmarks [loop|watched|refresh|click] [--quick]``. See ``docs/benchmarks.md``."""
