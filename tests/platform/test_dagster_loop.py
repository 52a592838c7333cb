"""The real project as Dagster runs it, on a small shop that has lived through one loop."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import dagster as dg
import duckdb
from pydantic import SecretStr

from c360_platform.assets.raw import raw_key
from c360_platform.instance import home_instance
from c360_platform.loop import run_job
from c360_platform.settings import Settings
from tests.conftest import LivedInHome

WRONG_KEY = "sk_wrong_7f3a9c"


def change_one_name(settings: Settings) -> None:
    """One profile differs from what Klaviyo has."""
    with duckdb.connect(str(settings.warehouse_path)) as connection:
        connection.execute(
            "update marts.klaviyo_profiles set first_name = 'Renamed' "
            "where email = (select min(email) from marts.klaviyo_profiles)"
        )


def metadata(settings: Settings, key: dg.AssetKey) -> dict[str, object]:
    """What the newest event of an asset says about it."""
    with home_instance(settings) as instance:
        for records in (instance.fetch_materializations(key, 1), instance.fetch_observations(key, 1)):
            for record in records.records:
                event = record.asset_materialization or record.asset_observation
                assert event is not None
                return {name: value.value for name, value in event.metadata.items()}
    return {}


def test_every_layer_tells_how_many_rows_it_has(lived_in_home: LivedInHome) -> None:
    settings = lived_in_home.settings
    tables = {
        dg.AssetKey(["shopify", "order"]): 'shopify."order"',
        dg.AssetKey(["zendesk", "tickets"]): "zendesk.tickets",
        raw_key("klaviyo", "profiles"): "klaviyo.profiles",
        dg.AssetKey(["seeds", "category_map"]): "seeds.category_map",
        dg.AssetKey(["marts", "dim_customers"]): "marts.dim_customers",
    }
    with duckdb.connect(str(settings.warehouse_path)) as connection:
        counted = {
            key: connection.sql(f"select count(*) from {name}").fetchall() for key, name in tables.items()
        }

    told = {key: metadata(settings, key).get("dagster/row_count") for key in tables}

    assert told == {key: rows[0][0] for key, rows in counted.items()}
    assert all(told.values())
    push = metadata(settings, dg.AssetKey(["klaviyo", "klaviyo_profiles"]))
    operations = [rows for name, rows in push.items() if name.startswith("operation/")]
    assert push["confirmed"] == push["planned"] == sum(operations)  # type: ignore[arg-type]


def test_a_key_that_klaviyo_refuses_fails_the_push_in_one_line_and_stays_out_of_the_log(
    lived_in_home: LivedInHome, tmp_path: Path
) -> None:
    settings = replace(lived_in_home.settings, klaviyo_api_key=SecretStr(WRONG_KEY))
    change_one_name(settings)

    outcome = run_job(settings, "profiles")

    assert list(outcome.failures) == ["klaviyo__klaviyo_profiles"]
    [line] = outcome.failures.values()
    assert line.startswith("push klaviyo_profiles: ")
    assert "401" in line
    assert "KLAVIYO_API_KEY" in line
    assert "Traceback" not in line
    for file in settings.home.rglob("*"):
        if file.is_file():
            assert WRONG_KEY.encode() not in file.read_bytes(), file


def test_a_key_that_is_missing_is_said_by_the_push_alone(lived_in_home: LivedInHome) -> None:
    settings = replace(lived_in_home.settings, klaviyo_api_key=None)

    outcome = run_job(settings, "segments")

    assert not outcome.success
    assert set(outcome.failures.values()) == {
        f"push {name}: KLAVIYO_API_KEY is not set: create a private key in Klaviyo (Settings > API keys) "
        "and put it into the environment or .env"
        for name in (key.removeprefix("klaviyo__") for key in outcome.failures)
    }


def test_a_source_that_refuses_us_stops_what_would_be_built_on_it(lived_in_home: LivedInHome) -> None:
    settings = replace(lived_in_home.settings, zendesk_api_token=SecretStr("wrong"))

    outcome = run_job(settings, "loop")

    assert list(outcome.failures) == ["load_zendesk"]
    assert "401" in outcome.failures["load_zendesk"]
    assert outcome.pushes == {}
    assert lived_in_home.writes() == {}
