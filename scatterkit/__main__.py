"""``python -m scatterkit`` is the command ``scatterkit``."""

import sys

from scatterkit.cli import main

if __name__ == "__main__":
    sys.exit(main())
