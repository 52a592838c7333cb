"""What stops a component, in words for whoever wired it.

Belongs here: the one exception. Does not belong here: how Dagster shows it (component.py).
"""

from __future__ import annotations


class ComponentError(Exception):
    """A source, a column or a setting that does not fit: where, and what to do. Holds no value of a row."""
