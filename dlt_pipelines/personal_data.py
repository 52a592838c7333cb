"""What a column says about a person, so that masking, access and erasure can go by it.

Belongs here: the classes and looking a column up. Does not belong here: which column has which class; each
source classifies its own columns beside its tables. A column without a class cannot be declared.

The class stands in dlt's schema as the hint `x-personal-data` of the column, and so in the stored schema of
every dataset. "Personal data" as in GDPR Art. 4(1): anything that relates to an identifiable person.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

HINT: Final = "x-personal-data"


class Personal(StrEnum):
    """How a column relates to a person, from nothing to what they wrote."""

    NONE = "none"  # about no person: kinds, counts of the business, technical times
    IDENTIFIER = "identifier"  # singles somebody out inside a system: a user's or profile's id
    CONTACT = "contact"  # e-mail, phone
    NAME = "name"
    PLACE = "place"  # address, city, time zone
    CONSENT = "consent"  # what somebody allowed, and when
    BEHAVIOUR = "behaviour"  # what somebody did, bought or is predicted to do
    CONTENT = "content"  # free text and free fields: may hold anything


class UnclassifiedColumn(LookupError):  # noqa: N818 - an exception is named for what happened
    """A column has no class; the message names it and says where to add one."""


class Classification:
    """Classes by column name; `table.column` is for a name that means something else in one table."""

    def __init__(self, source: str, columns: Mapping[Personal, Iterable[str]]) -> None:
        self._source = source
        self._classes = {name: personal for personal, names in columns.items() for name in names}

    def of(self, table: str, column: str) -> Personal:
        """The class of a column. Raises `UnclassifiedColumn`."""
        found = self._classes.get(f"{table}.{column}") or self._classes.get(column)
        if found is None:
            raise UnclassifiedColumn(
                f"{self._source}.{table}.{column} is not classified: its source's `personal_data` "
                "module has to say what it tells about a person"
            )
        return found
