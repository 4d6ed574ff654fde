"""The theory lab."""
