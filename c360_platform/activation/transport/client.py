"""Klaviyo as the engine uses it: the few endpoints of a sync, each as one method with plain values.

Belongs here: queries, pages, and the parts of an answer that matter. Does not belong here: paths
(`endpoints`), limits and retries (`connection`), bodies (`payloads`), and what an answer means for a row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from pydantic import SecretStr

from c360_platform.activation.errors import KlaviyoError, KlaviyoRefused
from c360_platform.activation.transport.answers import api_problem
from c360_platform.activation.transport.connection import Connection, OutcomeUnknown, Query
from c360_platform.activation.transport.endpoints import (
    ACCOUNTS,
    CREATE_LIST,
    EVENTS,
    IMPORT,
    JOB,
    JOB_ERRORS,
    JOBS,
    LISTS,
    MEMBERS,
    METRICS,
    PROFILE,
    PROFILES,
    REMOVE,
    SEND_EVENTS,
)
from c360_platform.activation.transport.filters import any_of, equals, moment
from c360_platform.activation.transport.resources import (
    FORGOTTEN,
    ImportJob,
    ImportProblem,
    RecordedEvent,
    echoed_email,
    email_of,
    identifier,
    import_job,
)

ADDRESSES_PER_FILTER = 100
_PAGE = 100
_EVENT_PAGE = 1_000


class Klaviyo:
    """The account behind a private key. `base_url` has no path, as in https://a.klaviyo.com.

    Nothing is called before the first method is. All methods raise the errors of `Connection.send`.
    """

    def __init__(self, api_key: SecretStr | str, base_url: str, **options: Any) -> None:
        self._connection = Connection(api_key, base_url, **options)
        self.traffic = self._connection.traffic
        key = api_key.get_secret_value() if isinstance(api_key, SecretStr) else api_key
        # The same for all clients with this key and address; the key itself cannot be told from it.
        self.identity = hashlib.sha256(f"{base_url}\n{key}".encode()).hexdigest()

    def __repr__(self) -> str:
        return f"Klaviyo({self._connection.host!r})"

    def account_id(self) -> str:
        """The account that the key belongs to, whichever of its keys this is. Klaviyo answers 15 a minute."""
        accounts = self._connection.send(ACCOUNTS)["data"]
        if not accounts:
            raise KlaviyoError("Klaviyo does not say which account the key belongs to")
        return str(accounts[0]["id"])

    # Profiles -----------------------------------------------------------------------------------------------

    def start_import(self, body: bytes) -> str:
        """Hand in a bulk import; the job's id. Importing the same profiles twice changes nothing."""
        return identifier(self._connection.send(IMPORT, body=body))

    def import_jobs(self, ids: Sequence[str]) -> dict[str, ImportJob]:
        """The state of many jobs in few calls: one page holds a hundred jobs, the newest first."""
        missing = set(ids)
        found: dict[str, ImportJob] = {}
        if len(missing) > 1:
            query: Query = {"sort": "-created_at", "page[size]": _PAGE}
            pages = self._connection.pages(JOBS, query=query)
            for _, page in zip(range(len(missing) // _PAGE + 2), pages, strict=False):
                for resource in page["data"]:
                    if resource.get("id") in missing:
                        found[resource["id"]] = import_job(resource)
                        missing.discard(resource["id"])
                if not missing:
                    break
        for job_id in missing:
            try:
                found[job_id] = import_job(self._connection.send(JOB, id=job_id)["data"])
            except KlaviyoRefused as refusal:
                if refusal.status != HTTPStatus.NOT_FOUND:
                    raise
                found[job_id] = ImportJob(job_id, FORGOTTEN, 0)
        return found

    def import_problems(self, job_id: str) -> Iterator[ImportProblem]:
        """Every error of a job, to the last page."""
        for page in self._connection.pages(JOB_ERRORS, id=job_id, query={"page[size]": _PAGE}):
            for resource in page["data"]:
                attributes = resource.get("attributes") or {}
                echo = attributes.get("original_payload")
                yield ImportProblem(echoed_email(echo), api_problem(attributes))

    def write_profile(self, body: bytes) -> None:
        """Create or update one profile; a field that is null in the body is cleared."""
        self._connection.send(PROFILE, body=body)

    def profile_ids(self, emails: Sequence[str]) -> dict[str, str]:
        """E-mail address to Klaviyo's id, for those that exist; one call per hundred addresses."""
        found: dict[str, str] = {}
        for some in _chunks(emails, ADDRESSES_PER_FILTER):
            query: Query = {"filter": any_of("email", some), "fields[profile]": "email", "page[size]": _PAGE}
            for page in self._connection.pages(PROFILES, query=query):
                found |= {email_of(resource): resource["id"] for resource in page["data"]}
        return found

    def profiles_by_email(
        self, emails: Sequence[str], *, fields: Sequence[str] = ()
    ) -> Iterator[dict[str, Any]]:
        """The attributes of those that exist, in no order, with their `id`; one call per hundred addresses.

        `fields` names attributes as the API does (`email`, `location.city`, `properties`); none means all
        that it gives, custom properties included.
        """
        only = {"fields[profile]": ",".join(dict.fromkeys(("email", *fields)))} if fields else {}
        for some in _chunks(emails, ADDRESSES_PER_FILTER):
            query: Query = {"filter": any_of("email", some), "page[size]": _PAGE, **only}
            for page in self._connection.pages(PROFILES, query=query):
                for resource in page["data"]:
                    yield {**(resource.get("attributes") or {}), "id": str(resource["id"])}

    # Lists --------------------------------------------------------------------------------------------------

    def lists_named(self, name: str) -> list[str]:
        """The ids of all lists with exactly this name."""
        pages = self._connection.pages(LISTS, query={"filter": equals("name", name)})
        return [
            resource["id"]
            for page in pages
            for resource in page["data"]
            if (resource.get("attributes") or {}).get("name") == name
        ]

    def create_list(self, name: str) -> str:
        """Make a list; its id. When the answer is lost it is looked for instead of made a second time."""
        body = orjson.dumps({"data": {"type": "list", "attributes": {"name": name}}})
        try:
            return identifier(self._connection.send(CREATE_LIST, body=body, repeatable=False))
        except OutcomeUnknown:
            made = self.lists_named(name)
            if made:
                return made[0]
            return identifier(self._connection.send(CREATE_LIST, body=body, repeatable=False))

    def has_members(self, list_id: str) -> bool:
        query: Query = {"fields[profile]": "email", "page[size]": 1}
        return bool(self._connection.send(MEMBERS, id=list_id, query=query)["data"])

    def members_among(self, list_id: str, emails: Sequence[str]) -> set[str]:
        """Those of the addresses that are on the list; one call per hundred."""
        found: set[str] = set()
        for some in _chunks(emails, ADDRESSES_PER_FILTER):
            query: Query = {"filter": any_of("email", some), "fields[profile]": "email", "page[size]": _PAGE}
            for page in self._connection.pages(MEMBERS, id=list_id, query=query):
                found |= {email_of(resource) for resource in page["data"]}
        return found

    def list_members(self, list_id: str) -> Iterator[tuple[str, str]]:
        """Everybody on the list as (profile id, e-mail address); the address may be empty.

        A person who joins while the pages are read may be missing; nobody comes twice.
        """
        seen: set[str] = set()
        query: Query = {"fields[profile]": "email", "page[size]": _PAGE}
        for page in self._connection.pages(MEMBERS, id=list_id, query=query):
            for resource in page["data"]:
                if resource["id"] not in seen:
                    seen.add(resource["id"])
                    yield str(resource["id"]), email_of(resource)

    def remove_from_list(self, list_id: str, profile_ids: Sequence[str]) -> None:
        """Take at most 1,000 profiles off a list. Their consent stays what it is."""
        data = [{"type": "profile", "id": profile_id} for profile_id in profile_ids]
        self._connection.send(REMOVE, id=list_id, body=orjson.dumps({"data": data}))

    # Events -------------------------------------------------------------------------------------------------

    def send_events(self, body: bytes) -> None:
        """Hand in events. Klaviyo names no job: only reading them back tells what was recorded."""
        self._connection.send(SEND_EVENTS, body=body)

    def metric_ids(self) -> dict[str, list[str]]:
        """Metric name to the ids of the metrics that the API has made under it."""
        ours: dict[str, list[str]] = {}
        others: dict[str, list[str]] = {}
        for page in self._connection.pages(METRICS):
            for resource in page["data"]:
                attributes = resource.get("attributes") or {}
                integration = attributes.get("integration") or {}
                is_ours = str(integration.get("name", "API")).casefold() == "api"
                (ours if is_ours else others).setdefault(str(attributes.get("name")), []).append(
                    resource["id"]
                )
        return others | ours

    def event_ids(self, metric_id: str, first: int, last: int) -> Iterator[str]:
        """The unique ids of a metric's events between two seconds since 1970, both included, by time."""
        for page in self._events(metric_id, first, last, {"fields[event]": "event_properties"}):
            for resource in page["data"]:
                properties = (resource.get("attributes") or {}).get("event_properties") or {}
                if "$event_id" in properties:
                    yield str(properties["$event_id"])

    def recorded_events(self, metric_id: str, first: int, last: int) -> Iterator[RecordedEvent]:
        """The same events whole."""
        query: Query = {
            "include": "profile",
            "fields[event]": "event_properties,timestamp",
            "fields[profile]": "email",
        }
        for page in self._events(metric_id, first, last, query):
            emails = {resource["id"]: email_of(resource) for resource in page.get("included") or []}
            for resource in page["data"]:
                attributes = resource.get("attributes") or {}
                properties = attributes.get("event_properties") or {}
                profile = ((resource.get("relationships") or {}).get("profile") or {}).get("data") or {}
                yield RecordedEvent(
                    key=str(properties.get("$event_id")),
                    second=int(attributes.get("timestamp") or 0),
                    email=emails.get(profile.get("id"), ""),
                    properties=properties,
                )

    def _events(self, metric_id: str, first: int, last: int, query: Query) -> Iterator[dict[str, Any]]:
        conditions = [
            equals("metric_id", metric_id),
            f"greater-or-equal(datetime,{moment(first)})",
            f"less-or-equal(datetime,{moment(last)})",
        ]
        window: Query = {"filter": ",".join(conditions), "page[size]": _EVENT_PAGE, "sort": "datetime"}
        return self._connection.pages(EVENTS, query={**window, **query})


def _chunks(values: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (values[start : start + size] for start in range(0, len(values), size))
