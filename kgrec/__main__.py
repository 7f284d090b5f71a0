"""``python -m kgrec``: what ``accelerate launch -m kgrec`` calls in every process."""

import sys

from kgrec.cli import main

if __name__ == "__main__":
    sys.exit(main())
