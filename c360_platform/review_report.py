"""What `c360 review` prints: pairs for people to look at, or lines for the seed of decisions.

Belongs here: the layout on a terminal. Does not belong here: the search, and deciding. Nobody's data is
printed unmasked unless `--unmask` asks for it; the lines hold keys and words alone.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO

from rich.markup import escape
from rich.table import Table

from c360_platform.activation.forecast.masking import masked_address, masked_value, shown_value

if TYPE_CHECKING:
    from rich.console import Console

    from c360_platform.identity_review.store import Proposal

SHOWN = ("first_name", "last_name", "birth_date", "email", "phone", "postal_code", "city")


def print_proposals(console: Console, proposals: Sequence[Proposal], *, unmask: bool) -> None:
    """Two lines a pair, the records below each other, and what speaks for and against it."""
    if not proposals:
        console.print("There is nothing to decide: no two customers are probably one person.")
        return
    shown = Table(title="Probably one person", title_justify="left")
    for column in ("probable", "record", "says", "agrees in", "differs in"):
        shown.add_column(column, justify="right" if column == "probable" else "left", overflow="fold")
    for one in proposals:
        keys = (escape(_key(key, unmask=unmask)) for key in (one.record_key_a, one.record_key_b))
        words = (escape(one.agreements), escape(one.differences))
        shown.add_row(_probability(one), next(keys), _says(one.a, unmask=unmask), *words)
        shown.add_row("", next(keys), _says(one.b, unmask=unmask), end_section=True)
    console.print(shown)
    console.print(
        "Nobody is joined by this. `c360 review --lines` prints the pairs as lines for\n"
        "dbt_project/seeds/identity_decisions.csv: write merge or never into the third field,\n"
        "add the lines there, and build.",
        markup=False,
    )


def print_lines(out: TextIO, proposals: Sequence[Proposal]) -> None:
    """Lines for the seed `identity_decisions`, without its header; the decision is left to be filled in."""
    lines = csv.writer(out, lineterminator="\n")
    for one in proposals:
        words = f"{_probability(one)}: {one.agreements}"
        reason = f"{words}; {one.differences}" if one.differences else words
        lines.writerow([one.record_key_a, one.record_key_b, "", "", "", reason])


def _probability(proposal: Proposal) -> str:
    """Never 100 %: that is for people to say."""
    return f"{min(proposal.probability, 0.999):.1%}"


def _key(record_key: str, *, unmask: bool) -> str:
    """A record's key; where its id is an address, as Amazon's are, masked like one."""
    source, _, source_id = record_key.partition(":")
    return f"{source}:{masked_address(source_id)}" if "@" in source_id and not unmask else record_key


def _says(values: dict[str, Any], *, unmask: bool) -> str:
    said = (_value(name, values.get(name), unmask=unmask) for name in SHOWN)
    return escape(", ".join(filter(None, said)))


def _value(name: str, value: Any, *, unmask: bool) -> str:
    if value is None:
        return ""
    if unmask:
        return shown_value(str(value))
    return masked_address(value) if name == "email" else masked_value(str(value))
