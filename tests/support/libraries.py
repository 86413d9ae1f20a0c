"""What the process that `support.command_line` forks from has imported: libraries, and the rooms.

Not `coagg.cli` nor `coagg.console`: those read the environment when imported, and each call has an
environment of its own.
"""

import importlib
import pkgutil

import coagg.analysis
import coagg.database
import coagg.etl

for room in (coagg.analysis, coagg.database, coagg.etl):
    for module in pkgutil.walk_packages(room.__path__, room.__name__ + "."):
        if "revisions" not in module.name:
            importlib.import_module(module.name)
