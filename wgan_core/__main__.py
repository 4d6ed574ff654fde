"""``python -m wgan_core``: train and list from the command line."""

import sys

from wgan_core.cli import main

if __name__ == "__main__":
    sys.exit(main())
