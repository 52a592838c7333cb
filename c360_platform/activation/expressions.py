"""A mapped row as SQL expressions: its payload as JSON text, its filled fields, its problems.

Belongs here: what Klaviyo's bodies look like for one row, written so that the warehouse builds them (a tenth
of the work of building them in Python). Does not belong here: comparing rows (`plan`), bodies (`payloads`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from c360_platform.activation.dialects import PROBLEM_TEXT, Dialect, Kind
from c360_platform.activation.errors import SyncFailed
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

    `problems` are pairs of a condition and its words, most important first; beside the columns they may use
    `is_repeated` and `latest_time`. `filled` lists the fields that have a value, each as `|name|`, `cleared`
    those that had one in Klaviyo and have none now.
    """

    columns: Sequence[str]
    key: str
    payload: str
    problems: Sequence[tuple[str, str]]
    filled: str = "''"
    cleared: str = "''"
    recipient: str = ""
    metric: str = ""
    occurred_s: str = ""
    order: str = ""


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
        if spec.occurred_at and self.kinds[spec.occurred_at] not in ("timestamp", "naive", "date"):
            raise SyncFailed(f"{self._where(spec.occurred_at)} has type {types[spec.occurred_at]}: no time")

    def build(self) -> RowExpressions:
        return self._event() if self.spec.object == "events" else self._profile()

    def _profile(self) -> RowExpressions:
        key = self._address()
        fields = {name: self._field_text(column, name) for column, name in self.spec.fields.items()}
        return RowExpressions(
            columns=self._columns(),
            key=key,
            payload=self._profile_payload(key, fields),
            problems=[*self._address_problems(key), *self._value_problems(self.spec.properties)],
            filled=self._marked(fields, "case when {text} is not null then {mark} end"),
            cleared=self._marked(
                fields, "case when {text} is null and strpos(was_filled, {found}) > 0 then {mark} end"
            ),
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
        return RowExpressions(
            columns=self._columns(),
            key=event_id,
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
            recipient=recipient,
            metric=metric,
            occurred_s=dialect.unix_seconds(dialect.as_timestamp(when, kind)),
            order=f"{recipient}, {when}",
        )

    def _profile_payload(self, key: str, fields: Mapping[str, str]) -> str:
        parts = [self._member("email", self.dialect.json_string(key))]
        parts += [
            self._member(name, self.dialect.json_string(text))
            for name, text in sorted(fields.items())
            if not name.startswith("location.")
        ]
        location = [
            self._member(name.removeprefix("location."), self.dialect.json_string(text))
            for name, text in sorted(fields.items())
            if name.startswith("location.")
        ]
        if location:
            inside = f"nullif({self.dialect.joined(location)}, '')"
            parts.append(self._wrapped('"location":{', inside, "}"))
        meta = "''"
        if self.spec.properties:
            parts.append(self._wrapped('"properties":{', self.dialect.joined(self._property_members()), "}"))
            # Bulk import leaves a property alone that is null or absent; only `unset` takes it away.
            unset = [
                f"case when {self.dialect.is_missing(self.alias[column], self.kinds[column])} "
                f"then {self._json_literal(name)} end"
                for column, name in self._sorted_properties()
            ]
            head = self.dialect.literal(',"meta":{"patch_properties":{"unset":[')
            meta = f"coalesce({head} || nullif({self.dialect.joined(unset)}, '') || ']}}}}', '')"
        head = self.dialect.literal('{"type":"profile","attributes":{')
        return self.dialect.portable(f"{head} || {self.dialect.joined(parts)} || '}}' || {meta} || '}}'")

    def _event_payload(self, event_id: str, metric: str, when: str, kind: Kind) -> str:
        """The attributes of an event; `payloads` adds the backfill mark, which depends on the hour."""
        spec, dialect = self.spec, self.dialect
        moment = f"""'"' || {dialect.iso_time(dialect.as_timestamp(when, kind), "timestamp")} || '"'"""
        parts = [
            f"'\"properties\":{{' || {dialect.joined(self._property_members())} || '}}'",
            self._member("time", moment),
            self._member("unique_id", dialect.json_string(event_id)),
            f'\'"metric":{{"data":{{"type":"metric","attributes":{{"name":\' || '
            f"{dialect.json_string(metric)} || '}}}}}}'",
        ]
        if spec.value:
            parts.append(self._member("value", dialect.json(self.alias[spec.value], self.kinds[spec.value])))
        if spec.value_currency:
            currency = dialect.json_string(dialect.text(self.alias[spec.value_currency]))
            parts.append(self._member("value_currency", currency))
        return dialect.portable(f"'{{' || {dialect.joined(parts)} || '}}'")

    def _property_members(self) -> list[str]:
        return [
            self._member(name, self.dialect.json(self.alias[column], self.kinds[column]))
            for column, name in self._sorted_properties()
        ]

    def _sorted_properties(self) -> list[tuple[str, str]]:
        """By Klaviyo's name, so that moving a line in the YAML file does not change a payload."""
        return sorted(self.spec.properties.items(), key=lambda pair: pair[1])

    def _field_text(self, column: str, name: str) -> str:
        """A field as text; empty means null, and so does a phone number that Klaviyo would drop silently."""
        text = f"nullif({self.dialect.trim(self.dialect.plain(self.alias[column], self.kinds[column]))}, '')"
        if name == "phone_number":
            return f"case when {self.dialect.matches(text, PHONE)} then {text} end"
        return text

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

    def _value_problems(self, columns: Mapping[str, str] | Sequence[str]) -> list[tuple[str, str]]:
        found = []
        for column in columns:
            kind = self.kinds[column]
            condition = self.dialect.problem(self.alias[column], kind)
            if condition is not None:
                found.append((condition, f"column {column} {PROBLEM_TEXT[kind]}"))
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
