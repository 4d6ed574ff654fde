"""What all tests share."""

from hypothesis import settings

# The first example of a property pays for torch's warm-up, so a deadline an example would only measure that.
# Derandomised: a failure here is a failure everywhere, and a green run stays green.
settings.register_profile("wgan", deadline=None, derandomize=True, database=None)
settings.load_profile("wgan")
