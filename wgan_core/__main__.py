"""``python -m wgan_core``: train and list from the command line."""

import os
import sys

from wgan_core.cli import main
from wgan_core.datasets.pictures import ALLOWED, anywhere

if __name__ == "__main__":
    # Who types a command may name any folder of pictures that he may read; a browser may not.
    os.environ[ALLOWED] = anywhere()
    sys.exit(main())
