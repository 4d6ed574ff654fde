"""Benchmarks: ``python -m benchmarks [loop|seeds|watched|refresh|click] [--quick]``. See ``docs/benchmarks.md``."""
