"""Makes ``training_job`` importable: tests also run it as a script, so it is a plain file beside them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
