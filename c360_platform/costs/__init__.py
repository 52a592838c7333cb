"""What BigQuery would scan: bytes per statement of a run, at any size and after any length of history.

Belongs here: reading the compiled project and the sync engine's statements as BigQuery's bill sees them. Does
not belong here: running anything on BigQuery. Nothing is measured there: bytes follow from the statements,
from the widths and numbers of rows of a small shop in DuckDB, and from Google's published rules.

    domains      conditions → spans of time, texts
    reads        a statement → tables, columns, conditions
    tables       a table's size by column and month; what reading part of it costs
    measure      a DuckDB warehouse → tables
    statements   what a run sends: models, tests, ingest, pushes
    estimate     statements × tables → bytes, by size and months
    report       … as text
"""


class CostsError(RuntimeError):
    """Nothing can be estimated; the message says what is missing."""
