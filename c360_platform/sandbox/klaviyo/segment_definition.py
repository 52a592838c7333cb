"""Segment definitions: condition groups joined by and, the conditions of a group joined by or.

Belongs here: which definitions are accepted, and the SQL condition on a profile `p` that one means. Does not
belong here: segments as clients see them (`segments`), who is in one (`segment_work`).

Types, members and operators are those of the specification of `create_segment`. The store can evaluate
profile-property, profile-group-membership, profile-marketing-consent, profile-metric and the numbers and the
date of profile-predictive-analytics; the other types, and the operators that need more than the store has
(regular expressions, anniversaries, methods of consent), are accepted and hold for nobody.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from c360_platform.sandbox.klaviyo.errors import Problem
from c360_platform.sandbox.klaviyo.segment_filters import NOBODY, Sql, compare, filter_problems, joined

POINTER: Final = "/data/attributes/definition/condition_groups"
_REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {
    "profile-property": ("property", "filter"),
    "profile-group-membership": ("is_member", "group_ids"),
    "profile-marketing-consent": ("consent",),
    "profile-metric": ("metric_id", "measurement", "measurement_filter", "timeframe_filter"),
    "profile-metric-funnel": ("timeframe_filter", "steps"),
    "profile-predictive-analytics": ("dimension", "filter"),
    "profile-postal-code-distance": ("country_code", "postal_code", "unit", "filter"),
    "profile-region": ("in_region", "region"),
    "profile-has-custom-object": ("object_type_id", "object_type_relationship_id", "filter", "filters"),
    "profile-permissions": ("permission", "channel"),
}
_TEXTS: Final = (
    *("email", "phone_number", "external_id", "first_name", "last_name", "organization", "locale", "title"),
    "image",
)
_DATES: Final = {"created": "p.created_at / 1000000", "updated": "p.updated_at / 1000000"}
_PREDICTED_DATE: Final = "expected_date_of_next_purchase"
_CONSENTS: Final = {
    "subscribed": "SUBSCRIBED",
    "unsubscribed": "UNSUBSCRIBED",
    "never_subscribed": "NEVER_SUBSCRIBED",
}
_CAN_RECEIVE_EMAIL: Final = (
    "(p.email is not null and p.email_suppressions = '[]' and p.email_consent <> 'UNSUBSCRIBED')"
)
_SMS: Final = (
    "coalesce((select sc.consent from kl_sms_consent as sc "
    "where sc.profile_id = p.id and sc.kind = 'marketing'), 'NEVER_SUBSCRIBED')"
)


def definition_problems(
    connection: sqlite3.Connection, definition: Mapping[str, Any], pointer: str = POINTER
) -> list[Problem]:
    """What is wrong with a definition; lists, segments and metrics that it names must exist."""
    groups = definition["condition_groups"]
    if not groups:
        return [Problem("At least one condition group is required.", pointer)]
    problems: list[Problem] = []
    for position, group in enumerate(groups):
        if not group["conditions"]:
            problems.append(
                Problem("A condition group needs a condition.", f"{pointer}/{position}/conditions")
            )
        for index, condition in enumerate(group["conditions"]):
            problems += _problems(connection, condition, f"{pointer}/{position}/conditions/{index}")
    return problems


def condition_of(definition: Mapping[str, Any], now_us: int) -> Sql:
    """The condition of a checked definition on `kl_profile as p` at this moment."""
    groups = []
    for group in definition["condition_groups"]:
        groups.append(joined([_condition(one, now_us // 1_000_000) for one in group["conditions"]], "or"))
    return joined(groups, "and")


def groups_in(definition: Mapping[str, Any]) -> Iterator[str]:
    """Ids of the lists and segments that a checked definition names."""
    for group in definition["condition_groups"]:
        for condition in group["conditions"]:
            yield from condition.get("group_ids") or ()


def _problems(
    connection: sqlite3.Connection, condition: Mapping[str, Any], pointer: str
) -> Iterator[Problem]:
    kind = str(condition.get("type"))
    if kind not in _REQUIRED:
        yield Problem(f"'{kind}' is not a valid condition type.", f"{pointer}/type")
        return
    missing = [name for name in _REQUIRED[kind] if condition.get(name) is None]
    for name in missing:
        yield Problem(f"'{name}' is a required field.", f"{pointer}/{name}")
    if missing:
        return
    for name in ("filter", "measurement_filter", "timeframe_filter"):
        if isinstance(condition.get(name), Mapping):
            yield from filter_problems(condition[name], f"{pointer}/{name}")
    if kind == "profile-metric":
        yield from _metric_problems(connection, condition, pointer)
    elif kind == "profile-group-membership":
        yield from _group_problems(connection, condition["group_ids"], f"{pointer}/group_ids")
    elif kind == "profile-marketing-consent":
        yield from _consent_problems(condition["consent"], f"{pointer}/consent")


def _metric_problems(
    connection: sqlite3.Connection, condition: Mapping[str, Any], pointer: str
) -> Iterator[Problem]:
    if condition["measurement"] not in ("count", "sum"):
        yield Problem("'measurement' must be 'count' or 'sum'.", f"{pointer}/measurement")
    metric_id = condition["metric_id"]
    if connection.execute("select 1 from kl_metric where id = ?", (metric_id,)).fetchone() is None:
        yield Problem(f"A metric with id {metric_id} does not exist.", f"{pointer}/metric_id")
    for index, one in enumerate(condition.get("metric_filters") or ()):
        if one.get("filter"):
            yield from filter_problems(one["filter"], f"{pointer}/metric_filters/{index}/filter")


def _group_problems(
    connection: sqlite3.Connection, group_ids: Sequence[str], pointer: str
) -> Iterator[Problem]:
    for group_id in group_ids:
        found = connection.execute(
            "select 1 from kl_list where id = ? union select 1 from kl_segment where id = ?",
            (group_id, group_id),
        ).fetchone()
        if found is None:
            yield Problem(f"A list or segment with id {group_id} does not exist.", pointer)


def _consent_problems(consent: Mapping[str, Any], pointer: str) -> Iterator[Problem]:
    if consent.get("channel") not in ("email", "sms", "push"):
        yield Problem("'channel' must be 'email', 'sms' or 'push'.", f"{pointer}/channel")
    if (consent.get("consent_status") or {}).get("subscription") not in ("any", *_CONSENTS):
        detail = f"'subscription' must be one of {', '.join(('any', *_CONSENTS))}."
        yield Problem(detail, f"{pointer}/consent_status/subscription")


def _condition(condition: Mapping[str, Any], now_s: int) -> Sql:
    evaluate = _EVALUATED.get(condition["type"])
    return NOBODY if evaluate is None else evaluate(condition, now_s)


def _property(condition: Mapping[str, Any], now_s: int) -> Sql:
    name = str(condition["property"])
    if name in _DATES:
        return compare(Sql(_DATES[name]), condition["filter"], now_s, seconds=True)
    if name in _TEXTS:
        return compare(Sql(f"p.{name}"), condition["filter"], now_s)
    for column in ("properties", "location"):
        opening, closing = f"{column}['", "']"
        if name.startswith(opening) and name.endswith(closing):
            key = name[len(opening) : -len(closing)]
            return compare(_value_of(f"p.{column}", key), condition["filter"], now_s)
    return NOBODY


def _value_of(column: str, key: str) -> Sql:
    # By key and not by path: a custom property may be called anything.
    return Sql(f"(select member.value from json_each({column}) as member where member.key = ?)", (key,))


def _membership(condition: Mapping[str, Any], now_s: int) -> Sql:
    marks = ", ".join("?" * len(condition["group_ids"]))
    when = Sql("1")
    if condition.get("timeframe_filter"):
        when = compare(Sql("m.joined_at / 1000000"), condition["timeframe_filter"], now_s, seconds=True)
    found = joined(
        [
            Sql(
                f"exists (select 1 from {table} as m "
                f"where m.profile_id = p.id and m.{column} in ({marks}) and {when.text})",
                (*condition["group_ids"], *when.parameters),
            )
            for table, column in (("kl_list_member", "list_id"), ("kl_segment_member", "segment_id"))
        ],
        "or",
    )
    return found if condition["is_member"] else found.negated()


def _consent(condition: Mapping[str, Any], _: int) -> Sql:
    consent = condition["consent"]
    status = consent["consent_status"]
    if status.get("filters"):
        return NOBODY
    wanted = _CONSENTS.get(status["subscription"])
    if consent["channel"] == "email":
        able, held = Sql(_CAN_RECEIVE_EMAIL), "p.email_consent"
    elif consent["channel"] == "sms":
        able, held = Sql(f"{_SMS} = 'SUBSCRIBED'"), _SMS
    else:
        return NOBODY if consent.get("can_receive_marketing") else Sql("1")
    conditions = [able if consent.get("can_receive_marketing") else able.negated()]
    if wanted is not None:
        conditions.append(Sql(f"{held} = ?", (wanted,)))
    return joined(conditions, "and")


def _metric(condition: Mapping[str, Any], now_s: int) -> Sql:
    measure = "count(*)" if condition["measurement"] == "count" else "coalesce(sum(e.value), 0)"
    when = compare(Sql("e.occurred_at"), condition["timeframe_filter"], now_s, seconds=True)
    conditions = [when]
    for one in condition.get("metric_filters") or ():
        if one.get("filter"):
            conditions.append(compare(_value_of("e.properties", one["property"]), one["filter"], now_s))
    where = joined(conditions, "and")
    measured = Sql(
        f"(select {measure} from kl_event as e where e.profile_id = p.id and e.metric_id = ? "
        "and not exists (select 1 from kl_hidden as h "
        "where h.kind = 'event' and h.id = e.id and h.until_at > ?) "
        f"and {where.text})",
        (condition["metric_id"], now_s * 1_000_000, *where.parameters),
    )
    return compare(measured, condition["measurement_filter"], now_s)


def _prediction(condition: Mapping[str, Any], now_s: int) -> Sql:
    dimension = condition["dimension"]
    if dimension in ("predicted_gender", "channel_affinity"):
        return NOBODY
    key = "expected_date_of_next_order" if dimension == _PREDICTED_DATE else dimension
    held = Sql(
        "(select member.value from kl_prediction as pr, json_each(pr.body) as member "
        "where pr.profile_id = p.id and member.key = ?)",
        (key,),
    )
    return compare(held, condition["filter"], now_s)


_EVALUATED: Final[Mapping[str, Callable[[Mapping[str, Any], int], Sql]]] = {
    "profile-property": _property,
    "profile-group-membership": _membership,
    "profile-marketing-consent": _consent,
    "profile-metric": _metric,
    "profile-predictive-analytics": _prediction,
}
