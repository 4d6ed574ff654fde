"""Benchmarks: ``python -m benchmarks [loop|seeds|store|watched|refresh|click] [--quick]``. See ``docs/benchmarks.md``."""
