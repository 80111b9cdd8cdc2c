"""``python -m sqlite_ml_vtab``: the same as the command ``sqlite-ml-vtab``."""

import sys

from sqlite_ml_vtab.cli import main

sys.exit(main())
