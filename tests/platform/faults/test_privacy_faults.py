"""Case 40: a planted key, address and phone number stay where they belong, whatever goes wrong.

They may be in the warehouse, and in requests to Klaviyo. They may not be in a log, an exception, a repr, a
report, the ledger's words, or anything that Dagster keeps. Klaviyo echoes them in every answer here.
"""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from pydantic import SecretStr

from c360_platform.activation.errors import SyncError, SyncFailed
from c360_platform.activation.report import SyncReport
from c360_platform.activation.spec import SyncSpec
from c360_platform.activation.transport.client import Klaviyo
from c360_platform.assets.activate import ACCEPTED_CHECK, activate_assets, sync_key
from c360_platform.resources import KlaviyoAccess, WarehouseAccess
from c360_platform.sandbox.klaviyo.settings import KlaviyoSettings
from c360_platform.sandbox.traffic import Fault
from c360_platform.settings import load_settings
from c360_platform.warehouse import WarehouseError
from tests.platform.sync.shop import EVENTS, NOW, PROFILES, SEGMENT, Shop, person

KEY = "pk_demo_pl4nted_k3y"
ADDRESS = "planted.person@secret-mail.example"
PHONE = "+4915199887766"
# Parts by which each of them would be known in whatever spelling it comes.
PLANTED = (KEY, "pl4nted", "planted.person", "secret-mail", "5199887766", "51 99 88", "519-988")
ECHO = (
    f"Profile {ADDRESS} <{ADDRESS.upper()}> (planted.person%40secret-mail.example) with {PHONE}, "
    f"+49 (1519) 988-7766, 0049 151 99 88 77 66 was refused; Authorization: Klaviyo-API-Key {KEY}"
)
IMPORT = "/api/profile-bulk-import-jobs"
EVENT_JOBS = "/api/event-bulk-create-jobs"
JSON = {"content-type": "application/vnd.api+json"}


def echoing(pointer: str = "") -> str:
    """An answer of Klaviyo that repeats whatever it was sent, in every member that may have words."""
    source = {"source": {"pointer": pointer, "parameter": ECHO}} if pointer else {}
    return json.dumps({"errors": [{"id": ECHO, "code": ECHO, "title": ECHO, "detail": ECHO, **source}]})


def found_in(text: str) -> list[str]:
    folded = text.casefold()
    return [plant for plant in PLANTED if plant.casefold() in folded]


def logged(caplog: pytest.LogCaptureFixture) -> str:
    return "\n".join(f"{record.getMessage()} {record.args!r}" for record in caplog.records)


class Ears:
    """Hears everything that a run says about itself."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.texts: list[str] = []

    def run(self, spec: SyncSpec, **options: Any) -> SyncReport | Exception:
        try:
            report = self.shop.run(spec, **options)
        except (SyncError, WarehouseError) as error:
            self.texts += [str(error), repr(error), "".join(traceback.format_exception(error))]
            return error
        self.texts.append(repr(report))
        return report

    def heard(self, caplog: pytest.LogCaptureFixture) -> str:
        words = self.shop.ledger("select reason, code, operation from c360_sync.rejections")
        messages = self.shop.ledger(
            "select message from c360_sync.runs union all select message from c360_sync.batches"
        )
        reprs = [repr(self.shop.klaviyo), repr(self.shop.warehouse), repr(vars(self.shop.klaviyo))]
        told = [*self.texts, *self.shop.progress, *reprs, *map(str, [*words, *messages])]
        return "\n".join([*told, logged(caplog)])


def answer(shop: Shop, path: str, status: int, body: str, **options: Any) -> None:
    shop.sandbox.traffic.add_fault(
        Fault(status=status, method="POST", path=path, headers=JSON, body=body, **options)
    )


def planted_shop(shop: Shop) -> None:
    shop.klaviyo = Klaviyo(KEY, shop.sandbox.url, patience_seconds=0.3)
    shop.profiles([person(1), person(2, email=ADDRESS, phone=PHONE, note=KEY)])
    shop.segment([ADDRESS, "person1@shop.example"])
    shop.events(
        [
            {
                "event_id": f"{number}",
                "email": ADDRESS,
                "event_name": "Package Shipped",
                "event_timestamp": NOW,
                "carrier": PHONE,
            }
            for number in range(3)
        ]
    )


def test_case_40_no_push_that_fails_repeats_what_was_planted(
    shop: Shop, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    planted_shop(shop)
    ears = Ears(shop)
    failures: list[tuple[Callable[[], None], SyncSpec]] = [
        (lambda: answer(shop, "/api/lists", 409, echoing(), times=9), SEGMENT),
        (lambda: answer(shop, IMPORT, 400, echoing(), times=9), SEGMENT),
        (lambda: answer(shop, IMPORT, 400, echoing("/data/relationships")), PROFILES),
        (lambda: answer(shop, IMPORT, 401, echoing()), PROFILES),
        (lambda: answer(shop, IMPORT, 403, echoing()), PROFILES),
        (lambda: answer(shop, IMPORT, 500, echoing(), times=99), PROFILES),
        (
            lambda: shop.sandbox.traffic.add_fault(
                Fault(kind="html", path=IMPORT, times=99, body=f"<p>{ECHO}</p>")
            ),
            PROFILES,
        ),
        (lambda: answer(shop, EVENT_JOBS, 429, echoing(), times=9), EVENTS),
    ]
    with caplog.at_level(logging.DEBUG):
        for name in ("urllib3", "urllib3.connectionpool", "klaviyo_api", "openapi_client"):
            caplog.set_level(logging.DEBUG, logger=name)
        for prepare, spec in failures:
            prepare()
            assert isinstance(ears.run(spec), SyncFailed)
            shop.sandbox.traffic.forget_faults()

    assert found_in(ears.heard(caplog)) == []
    assert found_in("".join(capfd.readouterr())) == []


def test_case_40_no_push_that_goes_through_repeats_what_was_planted(
    shop: Shop, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    planted_shop(shop)
    ears = Ears(shop)
    with caplog.at_level(logging.DEBUG):
        ears.run(SEGMENT)
        shop.segment(["person1@shop.example"])
        ears.run(SEGMENT)  # asks for the id of an address
        KlaviyoSettings(shop.sandbox.store).fail_late = {ADDRESS: ECHO}
        ears.run(PROFILES)
        answer(shop, EVENT_JOBS, 400, echoing("/data/attributes/events-bulk-create/data/0"))
        ears.run(EVENTS)

    assert set(shop.rejections()) == {ADDRESS, "0"}
    assert found_in(ears.heard(caplog)) == []
    assert found_in("".join(capfd.readouterr())) == []


def test_case_40_a_log_of_every_request_holds_no_address(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    planted_shop(shop)
    shop.klaviyo.profile_ids([ADDRESS])
    for name in ("", "urllib3", "urllib3.connectionpool"):  # the SDK has lowered them by now
        caplog.set_level(logging.DEBUG, logger=name or None)

    shop.klaviyo.profile_ids([ADDRESS])

    assert shop.calls()["GET /api/profiles"] == 2
    assert found_in(logged(caplog)) == []


@pytest.mark.parametrize(
    "expression",
    [
        "cast(email as integer)",
        "cast(email as date)",
        "cast(cast(replace(phone, '+', '') as bigint) as smallint)",
        "cast('{' || email as json)",
    ],
)
def test_case_40_a_model_that_breaks_on_a_value_does_not_repeat_it(
    shop: Shop, caplog: pytest.LogCaptureFixture, expression: str
) -> None:
    shop.warehouse.execute(
        f"create view marts.klaviyo_profiles as select email, cast({expression} as varchar) as note "
        f"from (values ('{ADDRESS}', '{PHONE}')) as people (email, phone)"
    )
    ears = Ears(shop)

    error = ears.run(replace(PROFILES, fields={}, properties={"note": "Note"}))

    assert isinstance(error, WarehouseError)
    assert "warehouse.duckdb" in str(error)
    assert found_in(ears.heard(caplog)) == []


def test_case_40_dagster_keeps_nothing_of_what_was_planted(
    shop: Shop, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    planted_shop(shop)
    KlaviyoSettings(shop.sandbox.store).fail_late = {ADDRESS: ECHO}
    answer(shop, EVENT_JOBS, 400, echoing(), times=9)
    home = tmp_path / "home"
    home.mkdir()
    settings = replace(
        load_settings({}, home=home),
        warehouse_path=shop.warehouse.path,
        klaviyo_base_url=shop.sandbox.url,
        klaviyo_api_key=SecretStr(KEY),
    )
    specs = [PROFILES, SEGMENT, EVENTS]
    node = {"config": {"schema": "marts"}, "name": "model", "description": "Of everybody."}
    pushes = activate_assets(settings, {"nodes": {spec.unique_id: node for spec in specs}}, specs)
    instance_home = tmp_path / "dagster"
    instance_home.mkdir()

    with dg.DagsterInstance.local_temp(
        str(instance_home), overrides={"python_logs": {"python_log_level": "DEBUG"}}
    ) as instance:
        result = dg.materialize(
            pushes,
            instance=instance,
            resources={"warehouse": WarehouseAccess(settings), "klaviyo": KlaviyoAccess(settings)},
            raise_on_error=False,
        )
        assert not result.success
        verdicts = [
            check for check in result.get_asset_check_evaluations() if check.check_name == ACCEPTED_CHECK
        ]
        refused = {check.asset_key for check in verdicts if not check.passed}
        assert refused == {sync_key(PROFILES.name), sync_key(SEGMENT.name)}
        events = instance.all_logs(result.run_id)
        assert len(events) > 20
        told = "\n".join(f"{event!r} {event.user_message} {event.dagster_event!r}" for event in events)

    assert found_in(told) == []
    assert found_in("".join(capfd.readouterr())) == []
    kept = [file for folder in (instance_home, home) for file in folder.rglob("*") if file.is_file()]
    assert kept
    for file in kept:
        assert found_in(file.read_bytes().decode("latin-1")) == [], file
