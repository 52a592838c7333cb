"""A mapped row as SQL expressions: its payload as JSON text, its filled fields, its problems.

Belongs here: what Klaviyo's bodies look like for one row, written so that the warehouse builds them (a tenth
of the work of building them in Python). Does not belong here: comparing rows (`plan`), bodies (`payloads`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from c360_platform.activation.dialects import Dialect, Kind, problem_text
from c360_platform.activation.errors import SyncFailed
from c360_platform.activation.payloads import SEPARATOR
from c360_platform.activation.spec import SyncSpec

ROW_BYTES = 100_000  # a profile may have 100 KB, an event's text too

EMAIL = "^[^@[:space:],;<>()]+@[^@[:space:],;<>()]+[.][^@[:space:],;<>().]+$"
LONGEST_EMAIL = 254
# Amazon's relay aliases belong to Amazon: whatever the models do, none leaves the warehouse.
RELAY = "@([^@]+[.])?marketplace[.]amazon[.]"
PHONE = "^[+][1-9][0-9]{6,14}$"
LONGEST_METRIC_NAME = 127


@dataclass(frozen=True, slots=True)
class RowExpressions:
    """SQL texts over the columns `c0, c1, …` that `columns` defines (and `was_filled` of the last state).

    `digest` is what a row is compared by: its values in few bytes, with the mapping in front, so that a row
    counts as changed when a value or the mapping changes. `payload` is the row as Klaviyo gets it, with the
    separator behind; both want `Dialect.portable` over them. `problems` are pairs of a condition and its
    words, most important first; beside the columns they may use `is_repeated`, `is_collapsed` and
    `latest_time`. `filled` lists the fields that have a value, each as `|name|`, `cleared` those that had one
    in Klaviyo and have none now. `consented` says who may become a new profile.
    """

    columns: Sequence[str]
    key: str
    digest: str
    payload: str
    problems: Sequence[tuple[str, str]]
    filled: str = "''"
    cleared: str = "''"
    consented: str = ""
    recipient: str = ""
    metric: str = ""
    occurred_s: str = ""


def row_expressions(spec: SyncSpec, types: Mapping[str, str], dialect: Dialect) -> RowExpressions:
    """The expressions of a sync over a table with these columns (name to engine type).

    Raises `SyncFailed` when the table lacks a mapped column or one has a type that Klaviyo cannot hold.
    """
    return _Builder(spec, types, dialect).build()


class _Builder:
    def __init__(self, spec: SyncSpec, types: Mapping[str, str], dialect: Dialect) -> None:
        self.spec = spec
        self.dialect = dialect
        self.alias = {column: f"c{position}" for position, column in enumerate(spec.columns)}
        self.kinds = {column: self._kind(column, types) for column in spec.columns}
        for column in filter(None, (spec.key, spec.event_id, spec.metric)):
            if self.kinds[column] != "text":
                raise SyncFailed(f"{self._where(column)} has type {types[column]}: it must be text")
        if spec.create == "consented" and spec.consent and self.kinds[spec.consent] != "boolean":
            raise SyncFailed(
                f"{self._where(spec.consent)} has type {types[spec.consent]}: it must be boolean"
            )
        if spec.occurred_at and self.kinds[spec.occurred_at] not in ("timestamp", "naive", "date"):
            raise SyncFailed(f"{self._where(spec.occurred_at)} has type {types[spec.occurred_at]}: no time")

    def build(self) -> RowExpressions:
        return self._event() if self.spec.object == "events" else self._profile()

    def _profile(self) -> RowExpressions:
        key = self._address()
        fields = {name: self._field_text(column, name) for column, name in self.spec.fields.items()}
        members = {name: self.dialect.json_string(text) for name, text in sorted(fields.items())}
        return RowExpressions(
            columns=self._columns(),
            key=key,
            digest=self._digest([self.dialect.json_string(key), *members.values()]),
            payload=self._profile_payload(key, members),
            problems=[
                *self._address_problems(key),
                *self._phone_problems(),
                *self._value_problems(self.spec.properties),
            ],
            filled=self._marked(fields, "case when {text} is not null then {mark} end"),
            cleared=self._cleared(fields),
            consented=self._consented(),
        )

    def _event(self) -> RowExpressions:
        spec, dialect = self.spec, self.dialect
        recipient = self._address()
        event_id, metric, when = (
            self.alias[spec.event_id],
            self.alias[spec.metric],
            self.alias[spec.occurred_at],
        )
        kind = self.kinds[spec.occurred_at]
        values = [column for column in (spec.value, spec.value_currency) if column]
        texts = [dialect.json_string(text) for text in (recipient, metric)]
        return RowExpressions(
            columns=self._columns(),
            key=event_id,
            digest=self._digest([*texts, self._moment(when, kind), *self._event_values()]),
            payload=self._event_payload(event_id, metric, when, kind),
            problems=[
                *self._key_problems(event_id, "event id"),
                *self._address_problems(recipient, unique=False),
                (f"{metric} is null or {dialect.trim(metric)} = ''", "the metric name is empty"),
                (
                    f"length({metric}) > {LONGEST_METRIC_NAME}",
                    "the metric name is longer than 127 characters",
                ),
                (f"{when} is null", "the time of the event is empty"),
                (f"{when} < '1990-01-01'", "the time of the event is before 1990"),
                (
                    f"{dialect.as_timestamp(when, kind)} > latest_time",
                    "the time of the event is over a year ahead",
                ),
                *self._value_problems([*spec.properties, *values]),
            ],
            consented=self._consented(),
            recipient=recipient,
            metric=metric,
            occurred_s=dialect.unix_seconds(dialect.as_timestamp(when, kind)),
        )

    def _digest(self, texts: Sequence[str]) -> str:
        """The mapping's own digest, then every value as JSON or nothing: no two rows write the same."""
        mapping = [
            *(self.spec.object, self.spec.bad_phone, sorted(self.spec.unset)),
            *(sorted(self.spec.fields.values()), sorted(self.spec.properties.values())),
        ]
        version = hashlib.md5(json.dumps(mapping).encode(), usedforsecurity=False).hexdigest()[:8]
        properties = [
            self.dialect.json(self.alias[column], self.kinds[column])
            for column, _ in self._sorted_properties()
        ]
        return self.dialect.joined(
            [self.dialect.literal(version), *(f"coalesce({text}, '')" for text in (*texts, *properties))]
        )

    def _profile_payload(self, key: str, members: Mapping[str, str]) -> str:
        plain = [
            self._member(name, text) for name, text in members.items() if not name.startswith("location.")
        ]
        location = [
            self._member(name.removeprefix("location."), text)
            for name, text in members.items()
            if name.startswith("location.")
        ]
        parts = [self._member("email", self.dialect.json_string(key)), *plain]
        if location:
            inside = f"nullif({self.dialect.joined(location)}, '')"
            parts.append(self._wrapped('"location":{', inside, "}"))
        if self.spec.properties:
            parts.append(self._wrapped('"properties":{', self.dialect.joined(self._property_members()), "}"))
        head, tail = self.dialect.literal('{"type":"profile","attributes":{'), self.dialect.literal("}")
        end = self.dialect.literal("}" + SEPARATOR)
        return self.dialect.glued([head, self.dialect.joined(parts), tail, self._unset(), end])

    def _unset(self) -> str:
        """Bulk import leaves a property alone that is null or absent; only `unset` takes it away."""
        names = [
            *(
                f"case when {self.dialect.is_missing(self.alias[column], self.kinds[column])} "
                f"then {self._json_literal(name)} end"
                for column, name in self._sorted_properties()
            ),
            *(self._json_literal(name) for name in sorted(self.spec.unset)),
        ]
        if not names:
            return "''"
        head, tail = (
            self.dialect.literal(',"meta":{"patch_properties":{"unset":['),
            self.dialect.literal("]}}"),
        )
        some = f"nullif({self.dialect.joined(names)}, '')"
        return f"coalesce({head} || {some} || {tail}, '')"

    def _event_payload(self, event_id: str, metric: str, when: str, kind: Kind) -> str:
        """The attributes of an event; `payloads` adds the backfill mark, which depends on the hour."""
        spec, dialect = self.spec, self.dialect
        parts = [
            self._wrapped('"properties":{', dialect.joined(self._property_members()), "}"),
            self._member("time", self._moment(when, kind)),
            self._member("unique_id", dialect.json_string(event_id)),
            self._wrapped(
                '"metric":{"data":{"type":"metric","attributes":{"name":', dialect.json_string(metric), "}}}"
            ),
        ]
        names = [name for name, column in _event_values(spec) if column]
        parts += [self._member(name, text) for name, text in zip(names, self._event_values(), strict=True)]
        head, end = dialect.literal("{"), dialect.literal("}" + SEPARATOR)
        return dialect.glued([head, dialect.joined(parts), end])

    def _event_values(self) -> list[str]:
        found = []
        for name, column in _event_values(self.spec):
            if column and name == "value":
                found.append(self.dialect.json(self.alias[column], self.kinds[column]))
            elif column:
                found.append(self.dialect.json_string(self.dialect.text(self.alias[column])))
        return found

    def _moment(self, when: str, kind: Kind) -> str:
        moment = self.dialect.iso_time(self.dialect.as_timestamp(when, kind), "timestamp")
        return f"""'"' || {moment} || '"'"""

    def _property_members(self) -> list[str]:
        return [
            self._member(name, self.dialect.json(self.alias[column], self.kinds[column]))
            for column, name in self._sorted_properties()
        ]

    def _consented(self) -> str:
        if self.spec.create != "consented" or self.spec.consent is None:
            return ""
        return f"coalesce({self.alias[self.spec.consent]}, false)"

    def _sorted_properties(self) -> list[tuple[str, str]]:
        """By Klaviyo's name, so that moving a line in the YAML file does not change a payload."""
        return sorted(self.spec.properties.items(), key=lambda pair: pair[1])

    def _field_text(self, column: str, name: str) -> str:
        """A field as text; empty means null, and so does a phone number that Klaviyo would drop silently."""
        text = self._text(column)
        if name == "phone_number":
            return f"case when {self.dialect.matches(text, PHONE)} then {text} end"
        return text

    def _text(self, column: str) -> str:
        return f"nullif({self.dialect.trim(self.dialect.plain(self.alias[column], self.kinds[column]))}, '')"

    def _cleared(self, fields: Mapping[str, str]) -> str:
        lost = self._marked(
            fields, "case when {text} is null and strpos(was_filled, {found}) > 0 then {mark} end"
        )
        return f"case when was_filled = '' then '' else {lost} end" if fields else lost

    def _marked(self, fields: Mapping[str, str], template: str) -> str:
        """`|name|` texts joined, one for each field for which the template's condition holds."""
        if not fields:
            return "''"
        return self.dialect.joined(
            [
                template.format(
                    text=text, mark=self.dialect.literal(f"|{name}|"), found=self.dialect.literal(f"|{name}|")
                )
                for name, text in sorted(fields.items())
            ],
            "",
        )

    def _address(self) -> str:
        return f"lower({self.dialect.trim(self.alias[self.spec.key])})"

    def _key_problems(self, key: str, what: str) -> list[tuple[str, str]]:
        return [
            (f"{key} is null or {key} = ''", f"the {what} is empty"),
            ("is_collapsed", f"the {what} stands in another row too, written differently (case or spaces)"),
            ("is_repeated", f"the {what} stands in more than one row"),
        ]

    def _address_problems(self, address: str, *, unique: bool = True) -> list[tuple[str, str]]:
        empty = [(f"{address} is null or {address} = ''", "the e-mail address is empty")]
        return [
            *(self._key_problems(address, "e-mail address") if unique else empty),
            (f"length({address}) > {LONGEST_EMAIL}", "the e-mail address is longer than 254 characters"),
            (f"not {self.dialect.matches(address, EMAIL)}", "the e-mail address is malformed"),
            (
                self.dialect.matches(address, RELAY),
                "a marketplace's relay address must not leave the warehouse",
            ),
        ]

    def _phone_problems(self) -> list[tuple[str, str]]:
        columns = [column for column, name in self.spec.fields.items() if name == "phone_number"]
        if self.spec.bad_phone == "drop" or not columns:
            return []
        text = self._text(columns[0])
        words = f"column {columns[0]} is no phone number in the form +4917012345678 (E.164)"
        return [(f"not {self.dialect.matches(text, PHONE)}", words)]

    def _value_problems(self, columns: Mapping[str, str] | Sequence[str]) -> list[tuple[str, str]]:
        found = []
        for column in columns:
            kind = self.kinds[column]
            condition = self.dialect.problem(self.alias[column], kind)
            if condition is not None:
                found.append((condition, f"column {column} {problem_text(kind)}"))
        return found

    def _member(self, name: str, text: str) -> str:
        """A JSON member; null when `text` is, so that joining leaves it out."""
        return f"{self._json_literal(name, ':')} || {text}"

    def _json_literal(self, name: str, after: str = "") -> str:
        return self.dialect.literal(json.dumps(name, ensure_ascii=False) + after)

    def _wrapped(self, head: str, text: str, tail: str) -> str:
        return f"{self.dialect.literal(head)} || {text} || {self.dialect.literal(tail)}"

    def _columns(self) -> list[str]:
        return [f"{self.dialect.name(column)} as {alias}" for column, alias in self.alias.items()]

    def _kind(self, column: str, types: Mapping[str, str]) -> Kind:
        if column not in types:
            raise SyncFailed(f"{self._where(column)} is not in the table: build the model, then push again")
        kind = self.dialect.kind(types[column])
        if kind is None:
            raise SyncFailed(
                f"{self._where(column)} has type {types[column]}, unknown to Klaviyo: cast it in the model"
            )
        return kind

    def _where(self, column: str) -> str:
        return f"sync {self.spec.name}: column {column} of {self.spec.schema}.{self.spec.table}"


def _event_values(spec: SyncSpec) -> list[tuple[str, str | None]]:
    """Klaviyo's names of an event's value and its currency, with their columns."""
    return [("value", spec.value), ("value_currency", spec.value_currency)]
