"""One module for a few experiments of one kind, each with a tuple ``EXPERIMENTS``. They are found by themselves."""
