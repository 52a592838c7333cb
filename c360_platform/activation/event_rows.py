"""A mapped row as an event. A payload is an event's attributes without what depends on the hour.

Belongs here: the text of one event. Does not belong here: its wrapper in a body (`payloads`), what profiles
have as well (`mapped_rows`).
"""

from __future__ import annotations

from collections.abc import Mapping

from c360_platform.activation.mapped_rows import MappedRows, RowExpressions
from c360_platform.activation.payloads import SEPARATOR

LONGEST_METRIC_NAME = 127


class EventRows(MappedRows):
    """Rows that become events. A payload is an event's attributes without what depends on the hour."""

    def build(self) -> RowExpressions:
        spec, d = self.spec, self.dialect
        event_id, metric = self.alias[spec.event_id], self.alias[spec.metric]
        when, kind = self.alias[spec.occurred_at], self.kinds[spec.occurred_at]
        moment = d.as_timestamp(when, kind)
        time = d.quoted_time(moment, "timestamp")
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
