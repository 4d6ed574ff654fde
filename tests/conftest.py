"""What all tests share."""

import atexit
import os
import shutil
import tempfile

from hypothesis import settings

# Runs of tests, and of servers that tests start, are not to end up among those of the person who tests.
os.environ["WGAN_HOME"] = tempfile.mkdtemp(prefix="wgan-live-tests-")
atexit.register(shutil.rmtree, os.environ["WGAN_HOME"], ignore_errors=True)

# The first example of a property pays for torch's warm-up, so a deadline an example would only measure that.
# Derandomised: a failure here is a failure everywhere, and a green run stays green.
settings.register_profile("wgan", deadline=None, derandomize=True, database=None)
settings.load_profile("wgan")
