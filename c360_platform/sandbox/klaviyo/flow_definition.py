"""Flow definitions: one trigger, actions that are linked by their ids, who may enter.

Belongs here: which definitions are accepted, and giving the new actions their ids. Does not belong here:
flows as clients see them (`flows`, `flow_actions`). No flow ever runs in the sandbox.

In a new definition an action is called by its `temporary_id`, which `entry_action_id` and the links of other
actions refer to; it gets an id when it is created. What a trigger names must exist: a metric exists from its
first event on.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any, Final

from c360_platform.sandbox.klaviyo import ids
from c360_platform.sandbox.klaviyo.errors import Problem

POINTER: Final = "/data/attributes/definition"
TRIGGERS: Final[Mapping[str, str]] = {
    "list": "Added to List",
    "segment": "Added to List",  # (assumed) the enumeration has no word for segments
    "metric": "Metric",
    "date": "Date Based",
    "custom-object-date": "Date Based",
    "price-drop": "Price Drop",
    "low-inventory": "Low Inventory",
}
UNCONFIGURED: Final = "Unconfigured"
_TRIGGER_TABLES: Final = {"list": "kl_list", "segment": "kl_segment", "metric": "kl_metric"}
_MESSAGES: Final = ("send-email", "send-sms", "send-push-notification", "send-whatsapp")
_WITH_STATUS: Final = (*_MESSAGES, "send-webhook", "send-internal-alert", "update-profile", "list-update")
_ACTIONS: Final = (
    *(*_WITH_STATUS, "time-delay", "countdown-delay", "target-date", "back-in-stock-delay"),
    *("conditional-split", "trigger-split", "multi-branch-split", "action-output-split"),
    *("ab-test", "content-experiment", "internal-service", "code"),
)


def definition_problems(connection: sqlite3.Connection, definition: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with the definition of a new flow."""
    problems = list(_trigger_problems(connection, definition["triggers"]))
    problems += _profile_filter_problems(connection, definition.get("profile_filter"))
    actions, known = definition["actions"], set()
    for index, action in enumerate(actions):
        pointer = f"{POINTER}/actions/{index}"
        problems += action_problems(action, pointer)
        if action.get("id") is not None:
            problems.append(Problem("'id' is not allowed on create; use 'temporary_id'.", f"{pointer}/id"))
        name = action.get("temporary_id")
        if not name:
            problems.append(Problem("'temporary_id' is a required field.", f"{pointer}/temporary_id"))
        elif name in known:
            problems.append(Problem(f"The temporary_id '{name}' is repeated.", f"{pointer}/temporary_id"))
        known.add(name)
    for index, action in enumerate(actions):
        for link, target in (action.get("links") or {}).items():
            if target is not None and target not in known:
                detail = f"There is no action '{target}'."
                problems.append(Problem(detail, f"{POINTER}/actions/{index}/links/{link}"))
    entry = definition.get("entry_action_id")
    if (entry is None) is not (not actions) or (entry is not None and entry not in known):
        problems.append(Problem("'entry_action_id' must name an action.", f"{POINTER}/entry_action_id"))
    return problems


def action_problems(action: Mapping[str, Any], pointer: str) -> Iterator[Problem]:
    """What is wrong with one action by itself."""
    kind = action.get("type")
    if kind not in _ACTIONS:
        yield Problem(f"'{kind}' is not a valid action type.", f"{pointer}/type")
    if kind in ("time-delay", *_MESSAGES) and not isinstance(action.get("data"), Mapping):
        yield Problem("'data' is a required field.", f"{pointer}/data")
    elif kind in _MESSAGES and not isinstance(action["data"].get("message"), Mapping):
        yield Problem("'message' is a required field.", f"{pointer}/data/message")
    elif kind == "time-delay" and not {"unit", "value"} <= action["data"].keys():
        yield Problem("'unit' and 'value' are required fields.", f"{pointer}/data")


def with_ids(definition: Mapping[str, Any]) -> tuple[str | None, list[dict[str, Any]]]:
    """The entry action's id and the actions of a checked definition, with ids for temporary ones."""
    first = random.SystemRandom().randrange(100_000_000, 900_000_000)
    new = {action["temporary_id"]: str(first + index) for index, action in enumerate(definition["actions"])}
    actions = []
    for action in definition["actions"]:
        links = {name: new.get(target) for name, target in (action.get("links") or {"next": None}).items()}
        found = {"id": new[action["temporary_id"]], "type": action["type"]}
        data = action.get("data")
        if data is not None:
            found["data"] = _data(action["type"], data)
        actions.append({**found, "links": links})
    return new.get(definition["entry_action_id"]), actions


def with_status(action: Mapping[str, Any], status: str) -> dict[str, Any]:
    """The action with a status, if actions of its type have one."""
    if action["type"] not in _WITH_STATUS:
        return dict(action)
    return {**action, "data": {**(action.get("data") or {}), "status": status}}


def _data(kind: str, data: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(data)
    if kind in _WITH_STATUS:
        found.setdefault("status", "draft")
    if kind in _MESSAGES:
        found["message"] = {**data["message"], "id": ids.short_id()}
    return found


def _trigger_problems(connection: sqlite3.Connection, triggers: list[dict[str, Any]]) -> Iterator[Problem]:
    if len(triggers) > 1:
        yield Problem("Only one trigger is supported.", f"{POINTER}/triggers")
    for index, trigger in enumerate(triggers):
        pointer, kind = f"{POINTER}/triggers/{index}", trigger.get("type")
        if kind not in TRIGGERS:
            yield Problem(f"'{kind}' is not a valid trigger type.", f"{pointer}/type")
        table = _TRIGGER_TABLES.get(str(kind))
        if table is not None:
            trigger_id = trigger.get("id")
            if connection.execute(f"select 1 from {table} where id = ?", (trigger_id,)).fetchone() is None:
                yield Problem(f"A {kind} with id {trigger_id} does not exist.", f"{pointer}/id")


def _profile_filter_problems(
    connection: sqlite3.Connection, profile_filter: Mapping[str, Any] | None
) -> Iterator[Problem]:
    # Flows know more conditions than segments; here only what they name is looked up.
    for position, group in enumerate((profile_filter or {}).get("condition_groups") or ()):
        for index, condition in enumerate(group["conditions"]):
            metric_id = condition.get("metric_id")
            if condition.get("type") != "profile-metric":
                continue
            if connection.execute("select 1 from kl_metric where id = ?", (metric_id,)).fetchone() is None:
                pointer = f"{POINTER}/profile_filter/condition_groups/{position}/conditions/{index}/metric_id"
                yield Problem(f"A metric with id {metric_id} does not exist.", pointer)
