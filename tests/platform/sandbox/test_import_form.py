"""The quick look at an import says yes to nothing that the SDK's model or the row checks would refuse."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from c360_platform.sandbox.klaviyo.bodies import model_problems, profile_problems
from c360_platform.sandbox.klaviyo.import_form import ImportForm, fitting
from tests.platform.sandbox.payloads import import_job, row

ODD: list[Any] = [None, "", "x", 0, 1.5, True, [], ["x"], {}, {"k": "v"}, "a@b.example", "a@@b"]
MEMBERS = ("email", "phone_number", "external_id", "first_name", "location", "properties", "colour", "_kx")


def looked_at(body: Any, *, max_rows: int = 10_000, max_row_bytes: int = 100_000) -> ImportForm | None:
    return fitting(json.dumps(body).encode(), max_rows=max_rows, max_row_bytes=max_row_bytes)


def refused(body: dict[str, Any]) -> bool:
    """The verdict of the model and of the checks that follow it."""
    if model_problems(body, "profile_import_job_create_query", "ProfileImportJobCreateQuery"):
        return True
    for one in body["data"]["attributes"]["profiles"]["data"]:
        attributes = one["attributes"]
        if profile_problems(attributes, "", phone_must_be_valid=False):
            return True
        if not (one.get("id") or any(attributes.get(name) for name in MEMBERS[:3])):
            return True
    return False


def test_a_quick_yes_is_never_wrong() -> None:
    chance = random.Random(20261120)
    quick = 0
    for _ in range(3_000):
        one = row("somebody@shop.example", first_name="Ada", properties={"n": 1})
        target = chance.choice([one, one["attributes"], one["attributes"], one["attributes"]])
        name = chance.choice([*MEMBERS, "id", "type", "meta", "attributes"])
        target[name] = chance.choice(
            [*ODD, {"city": chance.choice(ODD)}, {"patch_properties": {"unset": "k"}}]
        )
        body = import_job([row("other@shop.example"), one])
        if looked_at(body) is not None:
            quick += 1
            assert not refused(body), body
    assert quick > 300, "the quick way is taken"


@pytest.mark.parametrize(
    "body",
    [
        import_job([]),
        import_job(row(f"{number}@shop.example") for number in range(11)),
        import_job([row("big@shop.example", properties={"p": "x" * 500})]),
        {"data": {"type": "profile"}},
        [],
    ],
    ids=["no row", "too many rows", "a row too large", "no rows at all", "a list"],
)
def test_what_exceeds_a_bound_has_to_be_looked_at_closer(body: Any) -> None:
    assert looked_at(body, max_rows=10, max_row_bytes=400) is None


def test_rows_and_lists_come_out_as_they_were_sent() -> None:
    rows = [row("a@shop.example", properties={"n": 0.1, "text": "é €"}), row(external_id="1")]
    form = looked_at(import_job(rows, "ListA", "ListB"))
    assert form is not None
    assert json.loads(form.rows_as_json()) == rows
    assert form.list_ids == ["ListA", "ListB"]
