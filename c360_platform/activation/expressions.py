"""A mapped row as SQL expressions: its payload as JSON text, its filled fields, its problems.

Belongs here: what Klaviyo's bodies look like for one row, written so that the warehouse builds them (a tenth
of the work of building them in Python). Does not belong here: comparing rows (`plan`), bodies (`payloads`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import get_args

from c360_platform.activation.dialects import Dialect, Kind, problem_text
from c360_platform.activation.errors import SyncFailed
from c360_platform.activation.payloads import SEPARATOR
from c360_platform.activation.spec import SyncSpec

ROW_BYTES = 100_000  # a profile may have 100 KB, an event's text too

_IN_ADDRESS = r'[^@[:space:][:cntrl:],;<>()"\\]+'
EMAIL = f"^{_IN_ADDRESS}@{_IN_ADDRESS}[.]{_IN_ADDRESS.replace(';', ';.')}$"
# Letters beyond ASCII whose small form is an ASCII letter: the address would become somebody else's.
MISLEADING_CAPITALS = "[\u0130\u212a]"
LONGEST_EMAIL = 254
# Amazon's relay aliases belong to Amazon: whatever the models do, none leaves the warehouse.
RELAY_DOMAIN = "marketplace.amazon."
RELAY = "@([^@]+[.])?marketplace[.]amazon[.]"
PHONE = "^[+][1-9][0-9]{6,14}$"
LONGEST_METRIC_NAME = 127
_IDENTIFIERS = ("phone_number", "external_id")  # of a profile, beside its address


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


def row_expressions(spec: SyncSpec, types: Mapping[str, str], dialect: Dialect) -> RowExpressions:
    """The expressions of a sync over a table with these columns (name to engine type).

    Raises `SyncFailed` when the table lacks a mapped column or one has a type that Klaviyo cannot hold.
    """
    return (_Events if spec.object == "events" else _People)(spec, types, dialect).build()


class _Rows:
    """What rows of people and of events have in common."""

    def __init__(self, spec: SyncSpec, types: Mapping[str, str], dialect: Dialect) -> None:
        self.spec = spec
        self.dialect = dialect
        self.alias = {column: f"c{position}" for position, column in enumerate(spec.columns)}
        self.kinds = column_kinds(spec, types, dialect)
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


class _People(_Rows):
    """Rows that become profiles."""

    def build(self) -> RowExpressions:
        fields = sorted(self.spec.fields.items(), key=lambda pair: pair[1])
        texts = {name: f"t{number}" for number, (_, name) in enumerate(fields)}
        values = {name: self.value(name, text) for name, text in texts.items()}
        members = {name: f"f{number}" for number, name in enumerate(values)}
        own = {"e0": self.dialect.json_string("row_key")}
        own |= {members[name]: self.dialect.json_string(value) for name, value in values.items()}
        return RowExpressions(
            columns=self.columns(),
            raw_key=self.alias[self.spec.key],
            keyed={
                "row_key": self.address(),
                "person": self.address(),
                **{texts[name]: self.text(column) for column, name in fields},
            },
            shared={_flag(name): text for name, text in texts.items() if name in _IDENTIFIERS},
            pieces={**own, **self.pieces()},
            digest=self.digest([*own, *self.property_pieces.values()]),
            first_property=self.first_property(),
            payload=self.payload(members),
            problems=[
                ("coalesce(row_key, '') = ''", "the e-mail address is empty"),
                (
                    "is_collapsed",
                    "the e-mail address stands in another row too, written differently (case or spaces)",
                ),
                ("is_repeated", "the e-mail address stands in more than one row"),
                *self.address_problems(),
                *self.identifier_problems(texts),
                *self.value_problems([*self.spec.fields, *self.spec.properties]),
            ],
            filled=self.marked(values, "case when {value} is not null then {mark} end"),
            cleared=self.cleared(values),
            consented=self.consented(),
            kinds=self.kinds,
        )

    def payload(self, members: Mapping[str, str]) -> str:
        d = self.dialect
        plain = {name: piece for name, piece in members.items() if not name.startswith("location.")}
        location = [
            self.member(name.removeprefix("location."), piece)
            for name, piece in members.items()
            if name.startswith("location.")
        ]
        parts = [d.literal('{"type":"profile","attributes":{"email":'), "e0", *self.later_members(plain)]
        if location:
            parts.append(self.wrapped(',"location":{', f"nullif({d.joined(location)}, '')", "}"))
        if self.spec.properties:
            parts += [d.literal(',"properties":{'), *self.property_members(), d.literal("}")]
        return d.glued([*parts, d.literal("}"), *self.unset(), d.literal("}" + SEPARATOR)])

    def unset(self) -> list[str]:
        """Bulk import leaves a property alone that is null or absent; only `unset` takes it away."""
        d = self.dialect
        names = [
            f"case when {piece} is null then {self.name(name)} end"
            for name, piece in self.property_pieces.items()
        ]
        names += [self.name(name) for name in sorted(self.spec.unset)]
        if not names:
            return []
        some = f"nullif({d.joined(names)}, '')"
        return [self.wrapped(',"meta":{"patch_properties":{"unset":[', some, "]}}")]

    def text(self, column: str) -> str:
        """A field as text; empty means null."""
        plain = self.dialect.plain(self.alias[column], self.kinds[column])
        return f"nullif({self.dialect.trim(plain)}, '')"

    def value(self, name: str, text: str) -> str:
        """What is sent of a field: no phone number that Klaviyo would drop, none that joins two people."""
        if name != "phone_number":
            return text
        return f"case when {self.dialect.matches(text, PHONE)} and not {_flag(name)} then {text} end"

    def identifier_problems(self, texts: Mapping[str, str]) -> list[tuple[str, str]]:
        """Klaviyo makes one profile of two rows that share an identifier, whatever their addresses."""
        found = []
        for column, name in self.spec.fields.items():
            shared = f"column {column} stands in more than one row: Klaviyo would make one profile of them"
            if name == "phone_number" and self.spec.bad_phone == "drop":
                continue
            if name == "phone_number":
                words = f"column {column} is no phone number in the form +4917012345678 (E.164)"
                found.append((f"not {self.dialect.matches(texts[name], PHONE)}", words))
            if name in _IDENTIFIERS:
                found.append((_flag(name), shared))
        return found

    def cleared(self, values: Mapping[str, str]) -> str:
        if not values:
            return "''"
        lost = "case when {value} is null and strpos(was_filled, {mark}) > 0 then {mark} end"
        return f"case when was_filled = '' then '' else {self.marked(values, lost)} end"

    def marked(self, values: Mapping[str, str], template: str) -> str:
        """`|name|` texts joined, one for each field for which the template's condition holds."""
        if not values:
            return "''"
        marks = {name: self.dialect.literal(f"|{name}|") for name in values}
        return self.dialect.joined(
            [
                template.replace("{value}", value).replace("{mark}", marks[name])
                for name, value in values.items()
            ],
            "",
        )


class _Events(_Rows):
    """Rows that become events. A payload is an event's attributes without what depends on the hour."""

    def build(self) -> RowExpressions:
        spec, d = self.spec, self.dialect
        event_id, metric = self.alias[spec.event_id], self.alias[spec.metric]
        when, kind = self.alias[spec.occurred_at], self.kinds[spec.occurred_at]
        moment = d.as_timestamp(when, kind)
        time = f"""'"' || {d.iso_time(moment, "timestamp")} || '"'"""
        own = {
            "e0": d.json_string("person"),
            "e1": d.json_string(metric),
            "e2": time,
            "e3": d.json_string("row_key"),
        }
        values = {}
        if spec.value:
            values["value"] = d.json(self.alias[spec.value], self.kinds[spec.value])
        if spec.value_currency:
            values["value_currency"] = d.json_string(d.text(self.alias[spec.value_currency]))
        pieces = {name: f"v{number}" for number, name in enumerate(values)}
        return RowExpressions(
            columns=self.columns(),
            raw_key=event_id,
            keyed={"row_key": event_id, "person": self.address()},
            pieces={**own, **{pieces[name]: text for name, text in values.items()}, **self.pieces()},
            digest=self.digest([*own, *pieces.values(), *self.property_pieces.values()]),
            first_property=self.first_property(),
            payload=self.payload(pieces),
            problems=[
                ("coalesce(row_key, '') = ''", "the event id is empty"),
                ("is_repeated", "the event id stands in more than one row"),
                ("coalesce(person, '') = ''", "the e-mail address is empty"),
                *self.address_problems(),
                (f"{metric} is null or {d.trim(metric)} = ''", "the metric name is empty"),
                (
                    f"length({metric}) > {LONGEST_METRIC_NAME}",
                    "the metric name is longer than 127 characters",
                ),
                (f"{when} is null", "the time of the event is empty"),
                (f"{when} < '1990-01-01'", "the time of the event is before 1990"),
                (f"{moment} > latest_time", "the time of the event is over a year ahead"),
                *self.value_problems([*spec.properties, *filter(None, (spec.value, spec.value_currency))]),
            ],
            consented=self.consented(),
            metric=metric,
            occurred_s=d.unix_seconds(moment),
            kinds=self.kinds,
        )

    def payload(self, values: Mapping[str, str]) -> str:
        d = self.dialect
        return d.glued(
            [
                *(d.literal('{"properties":{'), *self.property_members(), d.literal('},"time":'), "e2"),
                *(d.literal(',"unique_id":'), "e3"),
                *(d.literal(',"metric":{"data":{"type":"metric","attributes":{"name":'), "e1"),
                *(d.literal("}}}"), *self.later_members(values), d.literal("}" + SEPARATOR)),
            ]
        )


def column_kinds(spec: SyncSpec, types: Mapping[str, str], dialect: Dialect) -> dict[str, Kind]:
    """The kind of every mapped column.

    Raises `SyncFailed` for one that is missing or has a type that its place cannot take.
    """
    kinds: dict[str, Kind] = {}
    for column in spec.columns:
        where = f"sync {spec.name}: column {column} of {spec.schema}.{spec.table}"
        if column not in types:
            raise SyncFailed(f"{where} is not in the table: build the model, then push again")
        kind = dialect.kind(types[column])
        if kind is None:
            raise SyncFailed(f"{where} has type {types[column]}, unknown to Klaviyo: cast it in the model")
        kinds[column] = kind
        for columns, allowed, words in _places(spec):
            if column in columns and kind not in allowed:
                raise SyncFailed(f"{where} has type {types[column]}: {words}")
    return kinds


def _places(spec: SyncSpec) -> Iterator[tuple[Collection[str | None], Collection[str], str]]:
    """Columns of the mapping, the kinds that they may have, and what is wrong with others."""
    plain = [kind for kind in get_args(Kind) if kind != "json" and not kind.startswith("list")]
    yield (spec.key, spec.event_id, spec.metric), ("text",), "it must be text"
    yield (spec.value,), ("integer", "decimal", "double"), "it must be a number"
    yield (spec.occurred_at,), ("timestamp", "naive", "date"), "it must be a time"
    yield (spec.consent if spec.create == "consented" else None,), ("boolean",), "it must be boolean"
    yield spec.fields, plain, "a field of a profile holds one plain value"


def _flag(name: str) -> str:
    return f"{name}_is_shared"
