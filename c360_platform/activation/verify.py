"""Read Klaviyo back and compare it with the models, row by row.

Belongs here: counting what is missing, different or foreign, over the SDK's plain methods – not over the
engine's own way of reading, so that one does not excuse the other. Does not belong here: mending differences,
and showing people: a comparison holds counts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pydantic import SecretStr

from c360_platform.activation.ledger_tables import ledger_table
from c360_platform.activation.spec import SyncSpec
from c360_platform.warehouse import Warehouse

Row = Mapping[str, Any]

# Names that no custom property can have, so that both kinds of values stand in one row.
CORE = "attributes."
EMAIL, METRIC, TIME = "the address", "the metric", "the time"
RELATIVE_TOLERANCE = 1e-9  # JSON numbers are floats, money in the models is decimal


@dataclass(frozen=True, slots=True)
class Comparison:
    """How Klaviyo differs from one model; all numbers are rows. `foreign`: in Klaviyo, not in the model.

    Foreign profiles are people of the account whom the model does not name; they are no difference. Foreign
    members and events are. `withheld` are people of the model whom its create policy keeps out, because they
    had not agreed and Klaviyo did not know them: nothing is expected of them.
    """

    sync: str
    expected: int
    equal: int
    missing: int
    different: int
    foreign: int
    foreign_allowed: bool
    withheld: int = 0

    @property
    def holds(self) -> bool:
        """Whether everything the model says is in Klaviyo and nothing is there that must not be."""
        return self.equal == self.expected and (self.foreign_allowed or self.foreign == 0)


def compare(spec: SyncSpec, warehouse: Warehouse, api_key: SecretStr, base_url: str) -> Comparison:
    """Compare one sync's model with Klaviyo. Reads only."""
    from klaviyo_api import KlaviyoAPI

    client = KlaviyoAPI(
        api_key.get_secret_value(),
        test_host=base_url,
        max_retries=8,
        options={"USE_DICTIONARY_FOR_RESPONSE_DATA": True},
    )
    expected = expected_rows(spec, warehouse)
    withheld = withheld_keys(spec, warehouse) & expected.keys()
    if spec.object == "events":
        found = _events(client, metrics={row[METRIC] for row in expected.values()})
    elif spec.object == "list":
        found = _members(client, spec.list_name)
    else:
        found = _profiles(client)
    wanted = expected.keys() - withheld
    present = wanted & found.keys()
    equal = sum(_agrees(found[key], expected[key]) for key in present)
    return Comparison(
        sync=spec.name,
        expected=len(wanted),
        equal=equal,
        missing=len(wanted) - len(present),
        different=len(present) - equal,
        foreign=len(found.keys() - expected.keys()),
        foreign_allowed=spec.object == "profiles",
        withheld=len(withheld),
    )


def expected_rows(spec: SyncSpec, warehouse: Warehouse) -> dict[str, Row]:
    """The model's rows by e-mail (events: by event id), values under Klaviyo's names."""
    names = {column: CORE + name for column, name in spec.fields.items()} | dict(spec.properties)
    if spec.object == "events":
        names |= {spec.key: EMAIL, spec.metric: METRIC, spec.occurred_at: TIME}
    columns = ", ".join(dict.fromkeys([spec.row_key, *names]))
    batches = warehouse.query(f"select {columns} from {warehouse.relation(spec.schema, spec.table)}")
    return {
        str(row[spec.row_key]): {name: row[column] for column, name in names.items()}
        for batch in batches
        for row in batch.to_pylist()
    }


def withheld_keys(spec: SyncSpec, warehouse: Warehouse) -> set[str]:
    """People of the model who may not become new profiles, and whom no ingest and no push knew."""
    if spec.create == "always" or spec.object == "events":
        return set()
    key = f"lower(trim({spec.key}))"
    agreed = f"coalesce({spec.consent}, false)" if spec.create == "consented" else "false"
    known = [f"select key from {ledger_table(warehouse, 'state')} where sync in ({_names(spec)})"]
    if spec.ingest_schema and warehouse.columns(spec.ingest_schema, "profiles"):
        profiles = warehouse.relation(spec.ingest_schema, "profiles")
        known.append(
            f"select lower(trim(email)) as key from {profiles} where not coalesce(is_deleted, false)"
        )
    rows = warehouse.table(
        f"select {key} as key from {warehouse.relation(spec.schema, spec.table)} where not {agreed} "
        + "".join(
            f"and {key} not in (select key from ({some}) as known where key is not null) " for some in known
        )
    )
    return set(rows["key"].to_pylist())


def _names(spec: SyncSpec) -> str:
    return ", ".join(f"'{name}'" for name in dict.fromkeys((spec.name, *spec.profile_syncs)))


def _profiles(client: Any) -> dict[str, Row]:
    found: dict[str, Row] = {}
    for resource in _pages(client.Profiles.get_profiles, page_size=100):
        attributes = resource["attributes"]
        location = attributes.get("location") or {}
        core = attributes | {f"location.{name}": value for name, value in location.items()}
        found[attributes.get("email") or resource["id"]] = {
            **{CORE + name: value for name, value in core.items()},
            **attributes["properties"],
        }
    return found


def _members(client: Any, list_name: str) -> dict[str, Row]:
    named = _pages(client.Lists.get_lists, filter=f'equals(name,"{list_name}")')
    return {
        member["attributes"]["email"]: member["attributes"].get("properties") or {}
        for found in named
        for member in _pages(client.Lists.get_profiles_for_list, found["id"], page_size=100)
    }


def _events(client: Any, metrics: set[str]) -> dict[str, Row]:
    found: dict[str, Row] = {}
    for metric in _pages(client.Metrics.get_metrics):
        name = metric["attributes"]["name"]
        if name not in metrics:
            continue
        addresses: dict[str, str] = {}
        events = _pages(
            client.Events.get_events,
            filter=f'equals(metric_id,"{metric["id"]}")',
            include=["profile"],
            page_size=1000,
            addresses=addresses,
        )
        for event in events:
            attributes = event["attributes"]
            found[attributes["event_properties"]["$event_id"]] = {
                **attributes["event_properties"],
                EMAIL: addresses[event["relationships"]["profile"]["data"]["id"]],
                METRIC: name,
                TIME: datetime.fromisoformat(attributes["datetime"]),
            }
    return found


def _pages(
    method: Callable[..., Any], *args: Any, addresses: dict[str, str] | None = None, **query: Any
) -> Iterator[dict[str, Any]]:
    """Resources of all pages; e-mails of included profiles go into `addresses` before their page is read."""
    cursor: str | None = None
    while True:
        page = method(*args, **query, **({"page_cursor": cursor} if cursor else {}))
        if addresses is not None:
            for included in page.get("included") or []:
                addresses[included["id"]] = included["attributes"]["email"]
        yield from page["data"]
        following = (page.get("links") or {}).get("next")
        if not following:
            return
        # The SDK's own reading of the link keeps a stray "=" (and all of an http:// link).
        cursor = parse_qs(urlsplit(following).query)["page[cursor]"][0]


def _agrees(found: Row, expected: Row) -> bool:
    """A core field that is null in the model makes no claim: what Klaviyo collected itself stays there."""
    return all(
        _same(found.get(name), value)
        for name, value in expected.items()
        if not (value is None and name.startswith(CORE))
    )


def _same(found: Any, expected: Any) -> bool:
    if expected is None or expected == []:
        return found is None  # a list without elements is no value
    if isinstance(expected, bool):
        return found is expected
    if isinstance(expected, int | float | Decimal):
        return isinstance(found, int | float) and math.isclose(
            found, expected, rel_tol=RELATIVE_TOLERANCE, abs_tol=RELATIVE_TOLERANCE
        )
    if isinstance(expected, datetime):
        # Klaviyo keeps whole seconds.
        then = found if isinstance(found, datetime) else datetime.fromisoformat(str(found))
        return then.timestamp() == int(expected.timestamp())
    if isinstance(expected, date):
        return str(found)[:10] == expected.isoformat()
    return bool(found == expected)
