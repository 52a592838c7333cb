"""What rows of profiles and of events have in common as SQL: columns, values, digest, members of JSON.

Belongs here: the stages of a row's expressions, and the parts that both kinds are made of. Does not belong
here: what a profile (`profile_rows`) or an event (`event_rows`) looks like to Klaviyo.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from c360_platform.activation.dialects import Dialect, Kind, problem_text
from c360_platform.activation.spec import SyncSpec

_IN_ADDRESS = r'[^@[:space:][:cntrl:],;<>()"\\]+'
EMAIL = f"^{_IN_ADDRESS}@{_IN_ADDRESS}[.]{_IN_ADDRESS.replace(';', ';.')}$"
# Letters beyond ASCII whose small form is an ASCII letter: the address would become somebody else's.
MISLEADING_CAPITALS = "[\u0130\u212a]"
LONGEST_EMAIL = 254
# Amazon's relay aliases belong to Amazon: whatever the models do, none leaves the warehouse.
RELAY_DOMAIN = "marketplace.amazon."
RELAY = "@([^@]+[.])?marketplace[.]amazon[.]"


@dataclass(frozen=True, slots=True)
class RowExpressions:
    """SQL texts, in stages: each may use the columns of those before it.

    columns    `c0, c1, …`, the mapped columns
    keyed      over them: `row_key`, which the ledger knows a row by; `person`, the address; texts of fields
    shared     flags: whether the text, which identifies a person, stands in several rows
    pieces     values as JSON text, null for none
    digest     what a row is compared by: the mapping's own digest and all values, so that a row counts as
               changed when a value or the mapping changes
    first_property    number of the first property that has a value
    payload    the row as Klaviyo gets it, with the separator behind; it uses `first_property` as a column

    `digest` and `payload` want `Dialect.portable` over them. `problems` are pairs of a condition and its
    words, most important first; they may use `is_repeated`, `is_collapsed` and `latest_time` as well.
    `filled` lists the fields that have a value, each as `|name|`; `cleared`, which may use `was_filled`,
    those that had one in Klaviyo and have none now. `consented` says who may become a new profile.
    """

    columns: Sequence[str]
    keyed: Mapping[str, str]
    digest: str
    payload: str
    pieces: Mapping[str, str]
    problems: Sequence[tuple[str, str]]
    raw_key: str
    first_property: str
    shared: Mapping[str, str] = field(default_factory=dict)
    filled: str = "''"
    cleared: str = "''"
    consented: str = ""
    metric: str = ""
    occurred_s: str = ""
    kinds: Mapping[str, Kind] = field(default_factory=dict)


class MappedRows:
    """What rows of people and of events have in common."""

    def __init__(self, spec: SyncSpec, kinds: Mapping[str, Kind], dialect: Dialect) -> None:
        self.spec = spec
        self.dialect = dialect
        self.alias = {column: f"c{position}" for position, column in enumerate(spec.columns)}
        self.kinds = kinds
        self.properties = sorted(spec.properties.items(), key=lambda pair: pair[1])
        # By Klaviyo's name, so that moving a line in the YAML file does not change a payload.
        self.property_pieces = {name: f"p{number}" for number, (_, name) in enumerate(self.properties)}

    def columns(self) -> list[str]:
        identities = (self.spec.key, self.spec.event_id, self.spec.metric)
        return [
            f"{self.dialect.text(name) if column in identities else name} as {alias}"
            for column, alias in self.alias.items()
            for name in [self.dialect.name(column)]
        ]

    def address(self) -> str:
        return f"lower({self.dialect.trim(self.alias[self.spec.key])})"

    def pieces(self) -> dict[str, str]:
        return {
            self.property_pieces[name]: self.dialect.json(self.alias[column], self.kinds[column])
            for column, name in self.properties
        }

    def digest(self, pieces: Sequence[str]) -> str:
        """No two rows write the same: a JSON text says where it ends."""
        mapping = [
            *(self.spec.object, self.spec.bad_phone, sorted(self.spec.unset)),
            *(sorted(self.spec.fields.values()), sorted(self.spec.properties.values())),
        ]
        version = hashlib.md5(json.dumps(mapping).encode(), usedforsecurity=False).hexdigest()[:8]
        comma = self.dialect.literal(",")
        values = (part for piece in pieces for part in (comma, piece))
        return self.dialect.glued([self.dialect.literal(version), *values])

    def first_property(self) -> str:
        """Over the pieces: which property comes first, and so has no comma before it."""
        pieces = enumerate(self.property_pieces.values())
        found = " ".join(f"when {piece} is not null then {number}" for number, piece in pieces)
        return f"case {found} end" if found else f"cast(null as {self.dialect.integer})"

    def property_members(self) -> list[str]:
        """Parts to be glued: every property that has a value, a comma between two."""
        parts: list[str] = []
        for number, (name, piece) in enumerate(self.property_pieces.items()):
            named = self.name(name, ":")
            if number:
                later = f"when first_property < {number} then {self.name(name, ':', before=',')}"
                named = f"{later} when first_property = {number} then {named}"
            else:
                named = f"when first_property = 0 then {named}"
            parts += [f"case when {piece} is null then null {named} end", piece]
        return parts

    def later_members(self, pieces: Mapping[str, str]) -> list[str]:
        """Parts to be glued behind another member: name and text of each that has one."""
        parts: list[str] = []
        for name, piece in pieces.items():
            parts += [f"case when {piece} is not null then {self.name(name, ':', before=',')} end", piece]
        return parts

    def consented(self) -> str:
        if self.spec.create != "consented" or self.spec.consent is None:
            return ""
        return f"coalesce({self.alias[self.spec.consent]}, false)"

    def address_problems(self) -> list[tuple[str, str]]:
        d, raw = self.dialect, self.alias[self.spec.key]
        return [
            # cheap conditions come before exact ones that hardly any row needs
            (
                f"{d.bytes('person')} > {LONGEST_EMAIL} and length(person) > {LONGEST_EMAIL}",
                "the e-mail address is longer than 254 characters",
            ),
            (f"not {d.matches('person', EMAIL)}", "the e-mail address is malformed"),
            (
                f"{d.bytes(raw)} <> length({raw}) and {d.matches(raw, MISLEADING_CAPITALS)}",
                "the e-mail address is malformed: it has a capital letter that is none of an address",
            ),
            (
                f"strpos(person, '{RELAY_DOMAIN}') > 0 and {d.matches('person', RELAY)}",
                "a marketplace's relay address must not leave the warehouse",
            ),
        ]

    def value_problems(self, columns: Iterable[str]) -> list[tuple[str, str]]:
        found = []
        for column in columns:
            kind = self.kinds[column]
            condition = self.dialect.problem(self.alias[column], kind)
            if condition is not None:
                found.append((condition, f"column {column} {problem_text(kind)}"))
        return found

    def member(self, name: str, text: str) -> str:
        """A JSON member; null when `text` is, so that joining leaves it out."""
        return f"{self.name(name, ':')} || {text}"

    def name(self, name: str, after: str = "", *, before: str = "") -> str:
        return self.dialect.literal(before + json.dumps(name, ensure_ascii=False) + after)

    def wrapped(self, head: str, text: str, tail: str) -> str:
        return f"{self.dialect.literal(head)} || {text} || {self.dialect.literal(tail)}"
