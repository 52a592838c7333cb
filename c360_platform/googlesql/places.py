"""Where a line of compiled SQL comes from.

Belongs here: from a compiled line back to the line of a model or test, from a column or a generic test to its
line in the properties file. Does not belong here: what is wrong there. Nothing here raises: without a place
there is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Any


def source_line(source: str, compiled: str, line: int) -> int | None:
    """The line of a Jinja source that a compiled line (both from 1) comes from.

    Lines without Jinja are the same in both texts. One that a macro made belongs to the source lines between
    its unchanged neighbours, of which those with Jinja can have made it.
    """
    before, after = _lines(source), _lines(compiled)
    if not 1 <= line <= len(after):
        return None
    index = line - 1
    for tag, start, end, first, last in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if not first <= index < last:
            continue
        if tag == "equal":
            return start + index - first + 1
        if end - start == last - first:
            return start + index - first + 1
        between = range(start, max(end, start + 1))
        templated = [at for at in between if at < len(before) and "{{" in before[at]]
        return (templated or [start])[0] + 1
    return None


def property_line(properties: str, node: str, column: str = "", *tests: str) -> int | None:
    """The line of a test, else of its column, else of its model, seed or source in a properties file.

    `tests` are names that the test may go by, the most telling first: its own, that of the generic test.
    """
    import yaml

    try:
        root = yaml.compose(properties, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError:
        return None
    place = next(_named(root, node), None)
    if place is None:
        return None
    columns = _items(_value(place, "columns"))
    place = next((entry for entry in columns if _name(entry).lower() == column.lower()), place)
    entries = [*_items(_value(place, "data_tests")), *_items(_value(place, "tests"))]
    for test in tests:
        for entry in entries:
            if test in _test_names(entry):
                return int(entry.start_mark.line) + 1
    return int(place.start_mark.line) + 1


def word_line(text: str, *words: str) -> int | None:
    """The first line that holds one of the words; the first word that is anywhere wins."""
    for word in words:
        for number, line in enumerate(text.splitlines(), start=1):
            if re.search(rf"\b{re.escape(word)}\b", line, re.IGNORECASE):
                return number
    return None


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines()]


def _named(root: Any, name: str) -> Iterator[Any]:
    """Entries of models, seeds, snapshots and tables of sources that have a name."""
    for kind in ("models", "seeds", "snapshots", "sources"):
        for entry in _items(_value(root, kind)):
            yield from (each for each in (entry, *_items(_value(entry, "tables"))) if _name(each) == name)


def _items(sequence: Any) -> list[Any]:
    return sequence.value if getattr(sequence, "id", "") == "sequence" else []


def _value(mapping: Any, key: str) -> Any | None:
    if getattr(mapping, "id", "") != "mapping":
        return None
    return next((value for name, value in mapping.value if name.value == key), None)


def _name(mapping: Any) -> str:
    found = _value(mapping, "name")
    return str(found.value) if found is not None else ""


def _test_names(entry: Any) -> set[str]:
    """Of `unique`, `{relationships: {name: …}}` or `{name: …, test_name: relationships}`."""
    if entry.id == "scalar":
        return {str(entry.value).rpartition(".")[2]}
    key, value = entry.value[0]
    named = _value(entry, "test_name")
    generic = str(named.value if named is not None else key.value)
    return {generic.rpartition(".")[2], _name(entry), _name(value)} - {""}
