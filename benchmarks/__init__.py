"""Scripts to be run as files, which import each other as neighbours; tests import them from here."""

import sys
from pathlib import Path

# last, so that a script never hides an installed module of its name: there is a coverage.py here
sys.path.append(str(Path(__file__).parent))
