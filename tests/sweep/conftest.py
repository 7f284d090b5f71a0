"""Makes ``toy_sweep`` importable: a plain file beside the tests that share it."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
