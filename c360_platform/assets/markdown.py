"""Words of people and of shops in Dagster's markdown.

Belongs here: showing any text as what it is. Does not belong here: what is shown.
"""

from __future__ import annotations


def verbatim(text: str) -> str:
    """Text that markdown and HTML leave alone, on one line."""
    for character in "\\`*_[]|~":
        text = text.replace(character, f"\\{character}")
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("\n", " ")
