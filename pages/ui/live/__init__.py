"""A run on screen while it trains."""
