"""What Dagster loads: everything in the folder `defs`."""

from pathlib import Path

import dagster as dg


@dg.definitions
def defs() -> dg.Definitions:
    """The assets of exports.py and the components of the YAML files."""
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
