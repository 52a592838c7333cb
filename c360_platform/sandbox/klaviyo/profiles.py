"""Single profiles and the collection of them.

Belongs here: `/api/profiles` and `/api/profile-import`. Does not belong here: bulk import (`imports`),
consent (`subscriptions`), what a profile is related to (`profile_relations`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from starlette.datastructures import QueryParams

from c360_platform.sandbox.klaviyo import errors
from c360_platform.sandbox.klaviyo.bodies import check_model, profile_problems, raise_if_any
from c360_platform.sandbox.klaviyo.endpoint import Answer, Call, Endpoint
from c360_platform.sandbox.klaviyo.filters import COMPARISONS, FilterField, conditions
from c360_platform.sandbox.klaviyo.paging import Collection, includes, read_page
from c360_platform.sandbox.klaviyo.profile_batch import (
    ConflictError,
    Identifiers,
    ProfileBatch,
    UnknownProfileError,
)
from c360_platform.sandbox.klaviyo.profile_relations import (
    CONTACTS,
    GROUPS,
    existing_profile,
    include_groups,
    profile_not_found,
)
from c360_platform.sandbox.klaviyo.profile_resource import COLUMNS, PREDICTIVE_ANALYTICS, ProfileView
from c360_platform.sandbox.limits import XS, L, M, Tier

MAX_PROFILE_BYTES: Final = 100_000

_SUPPRESSION: Final = "subscriptions.email.marketing.suppression"
_LIST_SUPPRESSIONS: Final = "subscriptions.email.marketing.list_suppressions"
_IN_SUPPRESSIONS: Final = "exists (select 1 from json_each(p.email_suppressions) as s where {comparison})"
_SUPPRESSED_AT: Final = "unixepoch(substr(json_extract(s.value, '$.timestamp'), 1, 19))"
_IN_LIST_SUPPRESSIONS: Final = (
    "exists (select 1 from kl_list_suppression as ls where ls.profile_id = p.id and {comparison})"
)
_BOUNDS: Final = ("greater-than", "less-than")
_KEYS: Final = ("any", "equals")
_FILTERS: Final = {
    "id": FilterField(_KEYS, "p.id"),
    "email": FilterField(_KEYS, "p.email", lower=True),
    "phone_number": FilterField(_KEYS, "p.phone_number"),
    "external_id": FilterField(_KEYS, "p.external_id"),
    "_kx": FilterField(("equals",), "null"),
    "created": FilterField(_BOUNDS, "p.created_at", "time"),
    "updated": FilterField(_BOUNDS, "p.updated_at", "time"),
    f"{_SUPPRESSION}.reason": FilterField(
        ("equals",), "json_extract(s.value, '$.reason')", condition=_IN_SUPPRESSIONS
    ),
    f"{_SUPPRESSION}.timestamp": FilterField(
        COMPARISONS, _SUPPRESSED_AT, "time", units=1, condition=_IN_SUPPRESSIONS
    ),
    f"{_LIST_SUPPRESSIONS}.reason": FilterField(("equals",), "ls.reason", condition=_IN_LIST_SUPPRESSIONS),
    f"{_LIST_SUPPRESSIONS}.timestamp": FilterField(
        COMPARISONS, "ls.created_at", "time", condition=_IN_LIST_SUPPRESSIONS
    ),
    f"{_LIST_SUPPRESSIONS}.list_id": FilterField(("equals",), "ls.list_id", condition=_IN_LIST_SUPPRESSIONS),
}
_LAST_SUPPRESSED: Final = (
    "coalesce((select max(json_extract(s.value, '$.timestamp')) "
    "from json_each(p.email_suppressions) as s), '')"
)
_LAST_LIST_SUPPRESSED: Final = (
    "coalesce((select max(ls.created_at) from kl_list_suppression as ls where ls.profile_id = p.id), 0)"
)
_PROFILES: Final = Collection(
    columns=COLUMNS,
    source="kl_profile as p",
    id_sql="p.id",
    sorts={
        "id": "p.id",
        "created": "p.created_at",
        "updated": "p.updated_at",
        "email": "coalesce(p.email, '')",
        f"{_SUPPRESSION}.timestamp": _LAST_SUPPRESSED,
        f"{_LIST_SUPPRESSIONS}.timestamp": _LAST_LIST_SUPPRESSED,
    },
    default_sort="id",
)


def endpoints() -> list[Endpoint]:
    read, write = ("profiles:read",), ("profiles:write",)
    return [
        Endpoint("GET", "/api/profiles", get_profiles, _reading_tier, read),
        Endpoint("POST", "/api/profiles", create_profile, L, write),
        Endpoint("GET", "/api/profiles/{id}", get_profile, _reading_tier, read),
        Endpoint("PATCH", "/api/profiles/{id}", update_profile, L, write),
        Endpoint("POST", "/api/profile-import", create_or_update_profile, L, write),
    ]


def get_profiles(call: Call) -> Answer:
    found = conditions(call.params.get("filter"), _FILTERS)
    by_suppression = any(name.startswith("subscriptions.") for name in found.fields)
    if by_suppression and call.params.get("sort"):
        detail = "Sorting is not supported together with a filter on subscriptions."
        raise errors.invalid_parameter(detail, "sort")
    default_sort = next((name for name in ("updated", "created") if name in found.fields), None)
    wanted = includes(call.params, CONTACTS)
    page = read_page(call, _PROFILES, found, sort=default_sort)
    view = ProfileView(call.params, call.base)
    body: dict[str, Any] = {"data": [view.resource(row) for row in page.rows], "links": page.links}
    if wanted:
        body["included"] = []
    return Answer(body=body)


def get_profile(call: Call) -> Answer:
    """The profile, also by the id of one that was merged into it lately; with `include` its groups."""
    profile_id = existing_profile(call)
    answer = _answer(call, profile_id, 200)
    wanted = includes(call.params, (*GROUPS, *CONTACTS))
    if wanted:
        answer.body["included"] = include_groups(call, answer.body["data"], wanted)
    return answer


def create_profile(call: Call) -> Answer:
    """201, or 409 with `meta.duplicate_profile_id` when an identifier is taken."""
    data = _checked(call, "profile_create_query", "ProfileCreateQuery")
    try:
        profile_id = _create(call, _identifiers(data), data)
    except ConflictError as conflict:
        raise errors.duplicate_profile(conflict.profile_id) from None
    return _answer(call, profile_id, 201, exact=True)


def update_profile(call: Call) -> Answer:
    """200. A null clears its field; what is absent stays."""
    profile_id = call.path_params["id"]
    data = _checked(call, "profile_partial_update_query", "ProfilePartialUpdateQuery")
    if data["id"] != profile_id:
        raise errors.invalid("The id in the body must be the id in the path.", "/data/id")
    who = Identifiers.of({**data, "id": profile_id})
    with call.store.transaction() as connection:
        batch = ProfileBatch(connection, call.clock.now_us())
        batch.load([who])
        try:
            profile = batch.find(who) or batch.create()  # an unknown id raises
            profile_id = profile.id
            batch.merge(profile, data["attributes"], data.get("meta"), clear=True)
        except UnknownProfileError:
            raise profile_not_found(profile_id) from None
        except ConflictError as conflict:
            raise errors.duplicate_profile(conflict.profile_id) from None
        batch.write()
    return _answer(call, profile_id, 200, exact=True)


def create_or_update_profile(call: Call) -> Answer:
    """201 or 200. A null clears its field; what is absent stays."""
    data = _checked(call, "profile_upsert_query", "ProfileUpsertQuery")
    who = _identifiers(data)
    with call.store.transaction() as connection:
        batch = ProfileBatch(connection, call.clock.now_us())
        batch.load([who])
        try:
            profile = batch.find(who) or batch.create()
            batch.merge(profile, data["attributes"], data.get("meta"), clear=True)
        except UnknownProfileError:
            raise profile_not_found(str(who.id)) from None
        except ConflictError as conflict:
            if who.id is not None:  # reported from production: 404 for the id, although the id exists
                raise profile_not_found(who.id) from None
            raise errors.duplicate_profile(conflict.profile_id) from None
        batch.write()
    return _answer(call, profile.id, 201 if profile.is_new else 200, exact=True)


def _create(call: Call, who: Identifiers, data: Mapping[str, Any]) -> str:
    with call.store.transaction() as connection:
        batch = ProfileBatch(connection, call.clock.now_us())
        batch.load([who])
        taken = batch.find(who)
        if taken is not None:
            raise ConflictError(taken.id)
        profile = batch.create()
        batch.merge(profile, data["attributes"], data.get("meta"), clear=True)
        batch.write()
    return profile.id


def _checked(call: Call, module: str, model: str) -> Mapping[str, Any]:
    """The `data` of a body with one profile."""
    if len(call.raw_body) > MAX_PROFILE_BYTES:
        raise errors.payload_too_large("100KB")
    data: Mapping[str, Any] = check_model(call.body(), module, model)["data"]
    raise_if_any(profile_problems(data["attributes"], "/data/attributes", phone_must_be_valid=True))
    return data


def _identifiers(data: Mapping[str, Any]) -> Identifiers:
    who = Identifiers.of(data)
    if not who:
        detail = "One of 'id', 'email', 'phone_number' or 'external_id' is required."
        raise errors.invalid(detail, "/data/attributes")
    return who


def _answer(call: Call, profile_id: str, status: int, *, exact: bool = False) -> Answer:
    view = ProfileView(call.params, call.base, exact=exact)
    row = call.store.row(f"select {COLUMNS} from kl_profile as p where p.id = ?", (profile_id,))
    if row is None:
        raise profile_not_found(profile_id)
    return Answer(status, {"data": view.resource(row), "links": {"self": call.self_link()}})


def _reading_tier(params: QueryParams) -> Tier:
    if any(name in params.get("include", "") for name in GROUPS):
        return XS
    return M if PREDICTIVE_ANALYTICS in params.get("additional-fields[profile]", "") else L
