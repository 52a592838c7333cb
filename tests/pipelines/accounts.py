"""A Zendesk and a Klaviyo account inside a sandbox, written row by row, and their loads into a warehouse."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from c360_platform.sandbox.server import Sandbox
from c360_platform.sandbox.traffic import Fault
from dlt_pipelines import klaviyo, zendesk
from dlt_pipelines.pipeline import LoadReport

EMAIL = "admin@shop.example"
TOKEN = "demo"
KEY = "pk_demo_pipelines"
UNLIMITED = 1_000_000  # the sandboxes of these tests refuse nothing


class Warehouse:
    """A DuckDB file and dlt's working directory.

    Opening the file costs more than most of what is done in it, so it is not closed between two visits until
    another process needs it.
    """

    def __init__(self, home: Path) -> None:
        self.path = home / "warehouse.duckdb"
        self.dlt_home = home / "dlt"
        self._kept_open = duckdb.connect(str(self.path))

    def close(self) -> None:
        self._kept_open.close()

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.path)) as connection:
            return connection.execute(sql).fetchall()

    def value(self, sql: str) -> Any:
        return self.rows(sql)[0][0]

    def counts(self, schema: str, tables: tuple[str, ...]) -> dict[str, int]:
        return {table: self.value(f"select count(*) from {schema}.{table}") for table in tables}

    def content(self, schema: str, tables: tuple[str, ...]) -> dict[str, list[tuple[Any, ...]]]:
        """Every row without dlt's own columns, in an order that does not depend on the load."""
        return {
            table: self.rows(
                f"select columns(lambda c: not starts_with(c, '_dlt')) from {schema}.{table} order by all"
            )
            for table in tables
        }


class ZendeskAccount:
    """Writes what Zendesk holds. `age` is how long ago a row changed; exports leave out the last minute."""

    def __init__(self, sandbox: Sandbox, warehouse: Warehouse) -> None:
        self.sandbox = sandbox
        self.warehouse = warehouse

    def seconds(self, age: timedelta) -> int:
        return self.sandbox.clock.now_s() - int(age.total_seconds())

    def tickets(
        self,
        ids: range | list[int],
        *,
        age: timedelta | Callable[[int], timedelta] = timedelta(hours=2),
        updated_age: timedelta | None = None,
        metrics: bool = True,
        without: tuple[str, ...] = (),
        **fields: Any,
    ) -> None:
        rows = []
        for ticket_id in ids:
            generated = self.seconds(age(ticket_id) if callable(age) else age)
            updated = self.seconds(updated_age) if updated_age else generated
            body = {
                "id": ticket_id,
                "created_at": zulu(self.seconds(timedelta(days=30))),
                "updated_at": zulu(updated),
                "status": "open",
                "subject": "Where is my order?",
                "requester_id": 7,
                "external_id": None,
                "is_public": True,
                "via": {"channel": "email", "source": {"to": {"name": "Zoë"}}},
                "tags": ["vip"],
                "custom_fields": [{"id": 1, "value": "A-100"}],
                **fields,
            }
            body = {name: value for name, value in body.items() if name not in without}
            metric = {
                "id": 1_000_000 + ticket_id,
                "ticket_id": ticket_id,
                "reopens": 0,
                "replies": 1,
                "reply_time_in_minutes": {"calendar": 5, "business": 3},
                "updated_at": zulu(updated),
            }
            rows.append(
                (ticket_id, generated, updated, json.dumps(body), json.dumps(metric if metrics else {}))
            )
        columns = ["id", "generated_at", "updated_at", "body", "metric_set"]
        self.sandbox.store.insert("zd_ticket", columns, rows, replace=True)

    def users(self, ids: range | list[int], *, age: timedelta = timedelta(hours=2), **fields: Any) -> None:
        at = self.seconds(age)
        rows = [
            (i, at, json.dumps({"id": i, "email": f"u{i}@shop.example", "updated_at": zulu(at), **fields}))
            for i in ids
        ]
        self.sandbox.store.insert("zd_user", ["id", "updated_at", "body"], rows, replace=True)

    def organizations(
        self,
        ids: range | list[int],
        *,
        age: timedelta = timedelta(hours=2),
        without: tuple[str, ...] = (),
        **fields: Any,
    ) -> None:
        at = self.seconds(age)
        rows = []
        for i in ids:
            body = {"id": i, "name": f"O{i}", "updated_at": zulu(at), **fields}
            rows.append((i, at, json.dumps({name: body[name] for name in body if name not in without})))
        self.sandbox.store.insert("zd_organization", ["id", "updated_at", "body"], rows, replace=True)

    def ticket_events(self, ids: range | list[int], *, age: Callable[[int], timedelta]) -> None:
        rows = []
        for event_id in ids:
            at = self.seconds(age(event_id))
            comment = {"id": 9000 + event_id, "event_type": "Comment", "public": True, "body": "Hello"}
            body = {
                "id": event_id,
                "ticket_id": 7,
                "timestamp": at,
                "created_at": zulu(at),
                "updater_id": 1,
                "via": "Mail",
                "event_type": "Audit",
                "child_events": [comment],
            }
            rows.append((event_id, 7, at * 1_000_000, json.dumps(body)))
        columns = ["id", "ticket_id", "occurred_at", "body"]
        self.sandbox.store.insert("zd_ticket_event", columns, rows)

    def metric_events(self, ids: range | list[int], *, age: timedelta, **fields: Any) -> None:
        at = self.seconds(age)
        rows = []
        for event_id in ids:
            body = {
                "id": event_id,
                "ticket_id": 7,
                "metric": "reply_time",
                "type": "activate",
                "time": zulu(at),
            }
            rows.append((event_id, 7, at * 1_000_000, json.dumps({**body, **fields})))
        columns = ["id", "ticket_id", "occurred_at", "body"]
        self.sandbox.store.insert("zd_ticket_metric_event", columns, rows, replace=True)

    def ticket_field(self, field_id: int, title: str) -> None:
        body = json.dumps({"id": field_id, "type": "tagger", "title": title, "active": True})
        row = ("ticket_fields", field_id, body)
        self.sandbox.store.insert("zd_object", ["collection", "id", "body"], [row])

    def rating(self, rating_id: int, score: str, *, offered_age: timedelta, changed_age: timedelta) -> None:
        created, updated = self.seconds(offered_age), self.seconds(changed_age)
        body = {
            "id": rating_id,
            "ticket_id": 1,
            "requester_id": 7,
            "score": score,
            "created_at": zulu(created),
            "updated_at": zulu(updated),
        }
        self.sandbox.store.insert(
            "zd_satisfaction_rating",
            ["id", "created_at", "updated_at", "body"],
            [(rating_id, created * 1_000_000, updated * 1_000_000, json.dumps(body))],
            replace=True,
        )

    def survey_response(self, response_id: str, answers: list[dict[str, Any]], zrns: list[str]) -> None:
        at = self.seconds(timedelta(hours=2)) * 1_000_000
        body = {"id": response_id, "responder_id": 7, "subject_zrns": zrns, "answers": answers}
        self.sandbox.store.insert(
            "zd_survey_response",
            ["id", "created_at", "updated_at", "body"],
            [(response_id, at, at, json.dumps(body))],
        )

    def load(self, *resources: str, **arguments: Any) -> LoadReport:
        return zendesk.load(
            self.warehouse.path,
            **{
                "base_url": self.sandbox.url,
                "email": EMAIL,
                "api_token": TOKEN,
                "pipelines_dir": self.warehouse.dlt_home,
                "resources": resources or None,
                "exports_per_minute": UNLIMITED,
                **arguments,
            },
        )


class KlaviyoAccount:
    """Writes what Klaviyo holds. `age` is how long ago something happened on the sandbox's clock."""

    def __init__(self, sandbox: Sandbox, warehouse: Warehouse) -> None:
        self.sandbox = sandbox
        self.warehouse = warehouse

    def microseconds(self, age: timedelta) -> int:
        return self.sandbox.clock.now_us() - age // timedelta(microseconds=1)

    def profiles(self, ids: range | list[int], *, age: timedelta = timedelta(days=2), **columns: Any) -> None:
        names = ["id", "email", "created_at", "updated_at", *columns]
        at = self.microseconds(age)
        rows = [(profile_id(i), f"p{i}@shop.example", at, at, *columns.values()) for i in ids]
        self.sandbox.store.insert("kl_profile", names, rows, replace=True)

    def unsubscribe(self, number: int) -> None:
        """As Klaviyo does it: a suppression appears, `updated` stays."""
        at = self.sandbox.clock.now().isoformat()
        self.sandbox.store.execute(
            "update kl_profile set email_consent = 'UNSUBSCRIBED', email_consent_at = ?, "
            "email_suppressions = ? where id = ?",
            (
                self.sandbox.clock.now_us(),
                json.dumps([{"reason": "UNSUBSCRIBE", "timestamp": at}]),
                profile_id(number),
            ),
        )

    def metric(self, metric_id: str, name: str) -> None:
        at = self.microseconds(timedelta(days=30))
        columns = ["id", "name", "created_at", "updated_at"]
        self.sandbox.store.insert("kl_metric", columns, [(metric_id, name, at, at)])

    def events(
        self,
        names: list[str],
        *,
        age: timedelta | Callable[[int], timedelta] = timedelta(days=1),
        properties: dict[str, Any] | None = None,
    ) -> None:
        rows = []
        for number, name in enumerate(names):
            occurred = self.microseconds(age(number) if callable(age) else age) // 1_000_000
            rows.append(
                (
                    name,
                    f"uuid-{name}",
                    profile_id(1),
                    "M1",
                    name,
                    occurred,
                    self.sandbox.clock.now_us(),
                    json.dumps(properties or {}),
                )
            )
        columns = [
            "id",
            "uuid",
            "profile_id",
            "metric_id",
            "unique_id",
            "occurred_at",
            "received_at",
            "properties",
        ]
        self.sandbox.store.insert("kl_event", columns, rows)

    def prediction(self, number: int, **values: Any) -> None:
        """What Klaviyo computes about a profile."""
        row = (profile_id(number), json.dumps(values))
        self.sandbox.store.insert("kl_prediction", ["profile_id", "body"], [row], replace=True)

    def suppress(self, number: int, *reasons: str, age: timedelta = timedelta()) -> None:
        """Suppress a profile for exactly these reasons; none lifts them all. `updated` stays."""
        at = (self.sandbox.clock.now() - age).isoformat()
        entries = json.dumps([{"reason": reason, "timestamp": at} for reason in reasons])
        self.sandbox.store.execute(
            "update kl_profile set email_suppressions = ? where id = ?", (entries, profile_id(number))
        )

    def suppress_on_list(self, number: int, list_id: str) -> None:
        """As an unsubscription from one list."""
        self.sandbox.store.insert(
            "kl_list_suppression",
            ["profile_id", "list_id", "reason", "created_at"],
            [(profile_id(number), list_id, "UNSUBSCRIBE", self.sandbox.clock.now_us())],
        )

    def mailing_list(self, list_id: str, members: range | list[int]) -> None:
        at = self.microseconds(timedelta(days=1))
        store = self.sandbox.store
        store.insert("kl_list", ["id", "name", "created_at", "updated_at"], [(list_id, list_id, at, at)])
        rows = [(list_id, profile_id(number), at) for number in members]
        store.insert("kl_list_member", ["list_id", "profile_id", "joined_at"], rows)

    def answer_with(self, path: str, *resources: dict[str, Any]) -> None:
        """Answer the next request for a collection with these resources instead."""
        body = json.dumps({"data": resources, "links": {"next": None}})
        self.sandbox.traffic.add_fault(Fault(200, path=path, body=body))

    def load(self, *resources: str, **arguments: Any) -> LoadReport:
        return klaviyo.load(
            self.warehouse.path,
            **{
                "base_url": self.sandbox.url,
                "api_key": KEY,
                "pipelines_dir": self.warehouse.dlt_home,
                "resources": resources or None,
                **arguments,
            },
        )


def profile_id(number: int) -> str:
    return f"01P{number:07d}"


def zulu(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
