"""`python -m pipeline` is `xinren`."""

import sys

from pipeline.cli import main

if __name__ == "__main__":  # worker processes import this module too
    sys.exit(main())
