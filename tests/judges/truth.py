"""What the sandbox holds, by stream, as a reader should get it: id, and what says that the version is right.

Belongs here: reading the sandbox's store without its handlers. Does not belong here: which reader reads what.
"""

from __future__ import annotations

from typing import Any, Final

from c360_platform.sandbox.store import Store

Rows = dict[str, tuple[Any, ...]]

_TICKET: Final = "id, generated_at, json_extract(body, '$.status'), json_extract(body, '$.updated_at')"
_PRESENT: Final = "json_extract(body, '$.status') <> 'deleted'"
_METRIC_SET: Final = "json_extract(metric_set, '$.id'), id, json_extract(metric_set, '$.updated_at')"
_COMMENT: Final = "json_extract(child.value, '$.id'), ticket_id, json_extract(child.value, '$.author_id')"
_COMMENTS: Final = (
    "from zd_ticket_event as event, json_each(event.body, '$.child_events') as child"
    " where json_extract(child.value, '$.event_type') = 'Comment'"
)
_OF_PRESENT: Final = f"ticket_id in (select id from zd_ticket where {_PRESENT})"

# Stream -> query whose first column is the id.
_QUERIES: Final = {
    "tickets": f"select {_TICKET} from zd_ticket",
    "present tickets": f"select {_TICKET} from zd_ticket where {_PRESENT}",
    "ticket metrics": f"select {_METRIC_SET} from zd_ticket where metric_set <> '{{}}'",
    "metrics of present tickets": f"select {_METRIC_SET} from zd_ticket where {_PRESENT}",
    "metrics of unarchived tickets": (
        f"select {_METRIC_SET} from zd_ticket"
        " where json_extract(body, '$.status') not in ('deleted', 'closed')"
    ),
    "ticket events": "select id, ticket_id, occurred_at / 1000000 from zd_ticket_event",
    "ticket audits": f"select id, ticket_id from zd_ticket_event where {_OF_PRESENT}",
    "ticket comments": f"select {_COMMENT} {_COMMENTS}",
    "comments of present tickets": f"select {_COMMENT} {_COMMENTS} and {_OF_PRESENT}",
    "ticket metric events": (
        "select id, ticket_id, json_extract(body, '$.type'), json_extract(body, '$.time')"
        " from zd_ticket_metric_event"
    ),
    "users": (
        "select id, json_extract(body, '$.updated_at'), json_extract(body, '$.email'),"
        " json_extract(body, '$.active') from zd_user"
    ),
    "organizations": (
        "select id, json_extract(body, '$.updated_at'), json_extract(body, '$.name') from zd_organization"
    ),
    "satisfaction ratings": (
        "select id, json_extract(body, '$.updated_at'), json_extract(body, '$.score')"
        " from zd_satisfaction_rating"
    ),
    "tags": "select value, count(*) from zd_ticket, json_each(body, '$.tags') group by 1",
    "custom ticket fields": (
        "select id, json_extract(body, '$.title') from zd_object where collection = 'ticket_fields'"
    ),
    "groups": "select id, json_extract(body, '$.name') from zd_object where collection = 'groups'",
    "brands": "select id, json_extract(body, '$.name') from zd_object where collection = 'brands'",
    "user fields": "select id, json_extract(body, '$.title') from zd_object where collection = 'user_fields'",
    "profiles": "select id, email, updated_at / 1000000 from kl_profile",
    "suppressed profiles": (
        "select id, email, updated_at / 1000000 from kl_profile"
        " where json_array_length(email_suppressions) > 0"
    ),
    "profiles the tap calls excluded": (  # four reasons; spam complaints are not among them
        "select id, email, updated_at / 1000000 from kl_profile"
        " where exists (select 1 from json_each(email_suppressions) as suppression"
        " where json_extract(suppression.value, '$.reason')"
        " in ('HARD_BOUNCE', 'USER_SUPPRESSED', 'UNSUBSCRIBE', 'INVALID_EMAIL'))"
    ),
    "events": "select id, occurred_at, metric_id, profile_id from kl_event",
    "metrics": "select id, name from kl_metric",
    "lists": "select id, name from kl_list",
    "list members": "select list_id || ' ' || profile_id from kl_list_member",
}


def held(store: Store, stream: str) -> Rows:
    """The rows of a stream by id, which is text."""
    return {str(row[0]): tuple(row)[1:] for row in store.rows(_QUERIES[stream])}


def events_of_metric(store: Store, name: str) -> Rows:
    """Klaviyo's events of one metric."""
    rows = store.rows(
        "select event.id, occurred_at, metric_id, profile_id from kl_event as event"
        " join kl_metric as metric on metric.id = metric_id where metric.name = ?",
        (name,),
    )
    return {str(row[0]): tuple(row)[1:] for row in rows}
