"""Settings that show something: presets of one training, scenarios of several."""
