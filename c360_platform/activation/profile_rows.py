"""A mapped row as a profile: its payload, its fields with a value, what Klaviyo would not take.

Belongs here: the body of one profile in a bulk import. Does not belong here: what events have as well
(`mapped_rows`).
"""

from __future__ import annotations

from collections.abc import Mapping

from c360_platform.activation.mapped_rows import MappedRows, RowExpressions
from c360_platform.activation.payloads import SEPARATOR

PHONE = "^[+][1-9][0-9]{6,14}$"
_IDENTIFIERS = ("phone_number", "external_id")  # of a profile, beside its address


class ProfileRows(MappedRows):
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
        unset = self.wrapped(',"meta":{"patch_properties":{"unset":[', some, "]}}")
        if self.spec.unset:
            return [unset]
        has_all = " and ".join(f"{piece} is not null" for piece in self.property_pieces.values())
        return [f"case when not ({has_all}) then {unset} end"]  # most rows need none of it

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


def _flag(name: str) -> str:
    return f"{name}_is_shared"
