"""WGAN Live's core: data sets, networks, objectives, the training loop and its measurements. No user interface."""
