"""How a profile looks in an answer.

Belongs here: rows of `kl_profile` as JSON:API resources, with sparse and additional fields. Does not belong
here: reading or writing them.
"""

from __future__ import annotations

import sqlite3
from typing import Any, Final

import orjson
from starlette.datastructures import QueryParams

from c360_platform.sandbox.klaviyo import times
from c360_platform.sandbox.klaviyo.bodies import LOCATION, PROFILE_TEXTS
from c360_platform.sandbox.klaviyo.paging import Fields, additional_fields

COLUMNS: Final = (
    "p.id, p.email, p.phone_number, p.external_id, p.first_name, p.last_name, p.organization, p.locale, "
    "p.title, p.image, p.location, p.properties, p.email_consent, p.email_consent_at, p.email_suppressions, "
    "p.created_at, p.updated_at, p.last_event_at, "
    "(select json_group_array(json_array(ls.list_id, ls.reason, ls.created_at)) "
    "from kl_list_suppression as ls where ls.profile_id = p.id) as list_suppressions, "
    "(select json_group_object(sc.kind, json_array(sc.consent, sc.consented_at)) "
    "from kl_sms_consent as sc where sc.profile_id = p.id) as sms_consents, "
    "(select pr.body from kl_prediction as pr where pr.profile_id = p.id) as predictions"
)
PREDICTIVE_ANALYTICS: Final = "predictive_analytics"
_NAMES: Final = (
    *("email", "phone_number", "external_id", "anonymous_id", "whatsapp_bsuid", *PROFILE_TEXTS),
    *("created", "updated", "last_event_date", "location", "properties", "joined_group_at"),
    *("subscriptions", PREDICTIVE_ANALYTICS),
)
_RELATIONSHIPS: Final = ("lists", "segments", "push-tokens", "conversations")
PREDICTIONS: Final = (
    *("historic_number_of_orders", "predicted_number_of_orders", "average_days_between_orders"),
    *("average_order_value", "historic_clv", "predicted_clv", "total_clv", "churn_probability"),
    *("expected_date_of_next_order", "ranked_channel_affinity"),
)
_NO_TRACKING: Final = {
    "consent": "NEVER_SUBSCRIBED",
    "consent_timestamp": None,
    "last_updated": None,
    "created_timestamp": None,
    "metadata": None,
    "can_receive": False,
    "valid_until": None,
}


class ProfileView:
    """Turns rows with `COLUMNS` into resources, as one request's query string asks for them.

    With `exact`, as in answers to writes, times have microseconds. `joined_at` is a column of memberships.
    """

    def __init__(
        self, params: QueryParams, base: str, *, exact: bool = False, subscribable: bool = True
    ) -> None:
        self._fields = Fields(params, "profile", _NAMES)
        additional = additional_fields(params, "profile", ("subscriptions", PREDICTIVE_ANALYTICS))
        # Profiles that come along with events accept the parameter and give null.
        self._subscriptions = "subscriptions" in additional and subscribable
        self._predictions = PREDICTIVE_ANALYTICS in additional
        self._base = base
        self._time = times.iso_exact if exact else times.iso

    def resource(self, row: sqlite3.Row, *, joined_at: int | None = None) -> dict[str, Any]:
        link = f"{self._base}/api/profiles/{row['id']}/"
        return {
            "type": "profile",
            "id": row["id"],
            "attributes": self._attributes(row, joined_at),
            "relationships": {
                name: {"links": {"self": f"{link}relationships/{name}/", "related": f"{link}{name}/"}}
                for name in _RELATIONSHIPS
            },
            "links": {"self": link},
        }

    def _attributes(self, row: sqlite3.Row, joined_at: int | None) -> dict[str, Any]:
        values: dict[str, Any] = {
            "email": row["email"],
            "phone_number": row["phone_number"],
            "external_id": row["external_id"],
            "anonymous_id": None,
            "whatsapp_bsuid": None,
            **{name: row[name] for name in PROFILE_TEXTS},
            "created": self._time(row["created_at"]),
            "updated": self._time(row["updated_at"]),
            "last_event_date": self._time(row["last_event_at"]),
            "location": self._location(row["location"]),
            "properties": self._properties(row["properties"]),
        }
        if joined_at is not None:
            values["joined_group_at"] = self._time(joined_at)
        if self._subscriptions:
            values["subscriptions"] = _parts(_subscriptions(row), self._fields.parts("subscriptions"))
        if self._predictions:
            values[PREDICTIVE_ANALYTICS] = self._predicted(row["predictions"])
        return {name: value for name, value in values.items() if self._fields.wants(name)}

    def _predicted(self, text: str | None) -> dict[str, Any]:
        stored = {} if text is None else orjson.loads(text)  # none for who has not ordered
        parts = self._fields.parts(PREDICTIVE_ANALYTICS) or PREDICTIONS
        return {name: stored.get(name) for name in PREDICTIONS if name in parts}

    def _location(self, text: str) -> dict[str, Any]:
        stored = orjson.loads(text) if text != "{}" else {}
        parts = self._fields.parts("location") or LOCATION
        return {name: stored.get(name) for name in LOCATION if name in parts}

    def _properties(self, text: str) -> Any:
        parts = self._fields.parts("properties")
        if not parts:
            return orjson.Fragment(text)
        return {name: value for name, value in orjson.loads(text).items() if name in parts}


def _subscriptions(row: sqlite3.Row) -> dict[str, Any]:
    sms = orjson.loads(row["sms_consents"])
    return {
        "email": {
            "marketing": _email_marketing(row),
            "open_tracking": _NO_TRACKING,
            "click_tracking": _NO_TRACKING,
        },
        "sms": {
            kind: _sms(f"can_receive_sms_{kind}", row["phone_number"], sms.get(kind))
            for kind in ("marketing", "transactional")
        },
        "mobile_push": {
            "marketing": {
                "can_receive_push_marketing": False,
                "consent": "NEVER_SUBSCRIBED",
                "consent_timestamp": None,
            }
        },
        "whatsapp": None,
    }


def _email_marketing(row: sqlite3.Row) -> dict[str, Any]:
    suppressions = orjson.loads(row["email_suppressions"])
    consent_at = times.iso_exact(row["email_consent_at"])
    subscribed = row["email_consent"] == "SUBSCRIBED"
    last_suppressed = max((entry["timestamp"] for entry in suppressions), default=None)
    return {
        # Consent and suppression are independent of each other; suppression wins.
        "can_receive_email_marketing": bool(row["email"])
        and not suppressions
        and row["email_consent"] != "UNSUBSCRIBED",
        "consent": row["email_consent"],
        "consent_timestamp": consent_at,
        "last_updated": last_suppressed or consent_at,
        "method": "API" if subscribed else None,
        "method_detail": "" if subscribed else None,
        "custom_method_detail": None,
        "double_optin": False if subscribed else None,
        "suppression": suppressions,
        "list_suppressions": [
            {"list_id": list_id, "reason": reason, "timestamp": times.iso_exact(since)}
            for list_id, reason, since in orjson.loads(row["list_suppressions"])
        ],
    }


def _sms(can_receive: str, phone: str | None, held: list[Any] | None) -> dict[str, Any]:
    consent, since = held or ("NEVER_SUBSCRIBED", None)
    subscribed = consent == "SUBSCRIBED"
    return {
        can_receive: bool(phone) and subscribed,
        "consent": consent,
        "consent_timestamp": times.iso_exact(since),
        "method": "API" if subscribed else None,
        "method_detail": "" if subscribed else None,
        "last_updated": times.iso_exact(since),
    }


def _parts(value: dict[str, Any], wanted: set[str]) -> dict[str, Any]:
    """The members named by dotted paths; everything without any."""
    if not wanted:
        return value
    found: dict[str, Any] = {}
    for path in wanted:
        source, target, names = value, found, path.split(".")
        for position, name in enumerate(names):
            if not isinstance(source, dict) or name not in source:
                break
            if position == len(names) - 1:
                target[name] = source[name]
            else:
                source, target = source[name], target.setdefault(name, {})
    return found
