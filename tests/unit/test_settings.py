"""Reading the environment: every environment is complete, every mistake is one helpful line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from c360_platform import settings as settings_module
from c360_platform.settings import (
    ENGINES,
    KLAVIYO_URLS,
    PROJECT_ROOT,
    Environment,
    SettingsError,
    load_settings,
)


def test_every_environment_is_mapped_completely() -> None:
    assert set(ENGINES) == set(KLAVIYO_URLS) == set(get_args(Environment))


def test_the_local_environment_needs_nothing(tmp_path: Path) -> None:
    settings = load_settings({"C360_HOME": str(tmp_path)})
    assert settings.warehouse_path == tmp_path / "warehouse.duckdb"
    assert settings.engine == "duckdb"
    assert settings.klaviyo_key().get_secret_value().startswith("pk_demo")


@pytest.mark.parametrize(
    ("environ", "named", "advice"),
    [
        ({"C360_ENV": "prod"}, "C360_ENV", "local, embedded, staging, production"),
        ({"C360_WAREHOUSE_PATH": "shop.duckdb"}, "C360_WAREHOUSE_PATH", "absolute"),
        ({"C360_AS_OF": "30.06.2026"}, "C360_AS_OF", "2026-06-30"),
        ({"KLAVIYO_BASE_URL": "a.klaviyo.com"}, "KLAVIYO_BASE_URL", "https://"),
        ({"C360_BIGQUERY_PROJECT": "My Shop"}, "C360_BIGQUERY_PROJECT", "my-shop-123"),
        ({"C360_BIGQUERY_DATASET_PREFIX": "dev-anna"}, "C360_BIGQUERY_DATASET_PREFIX", "dev_anna_"),
        ({"C360_BIGQUERY_MAX_BYTES_BILLED": "10 GB"}, "C360_BIGQUERY_MAX_BYTES_BILLED", "whole number"),
        ({"BIGQUERY_EMULATOR_HOST": "localhost:9050"}, "BIGQUERY_EMULATOR_HOST", "http://localhost:9050"),
        ({"ZENDESK_BASE_URL": "https://me:hidden@acme.example"}, "ZENDESK_BASE_URL", ".env.example"),
    ],
)
def test_a_wrong_variable_is_named_with_what_to_do(environ: dict[str, str], named: str, advice: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings(environ)
    message = str(raised.value)
    assert named in message
    assert advice in message
    assert "\n" not in message
    assert "hidden" not in message


def test_a_missing_key_says_where_to_get_one(tmp_path: Path) -> None:
    settings = load_settings({"C360_ENV": "embedded", "C360_HOME": str(tmp_path)})
    with pytest.raises(SettingsError, match="KLAVIYO_API_KEY is not set: create a private key"):
        settings.klaviyo_key()
    with pytest.raises(SettingsError, match="ZENDESK_BASE_URL is not set"):
        settings.zendesk_access()


def test_settings_survive_the_way_through_a_child_process_environment(tmp_path: Path) -> None:
    settings = load_settings(
        {
            "C360_HOME": str(tmp_path),
            "C360_ENV": "embedded",
            "C360_AS_OF": "2026-06-30",
            "C360_BIGQUERY_PROJECT": "acme-shop-1",
            "C360_BIGQUERY_DATASET_PREFIX": "dev_",
            "C360_BIGQUERY_MAX_BYTES_BILLED": "1000",
            "KLAVIYO_API_KEY": "pk_demo_a",
            "ZENDESK_BASE_URL": "https://acme.zendesk.example/",
            "ZENDESK_EMAIL": "agent@acme.example",
            "ZENDESK_API_TOKEN": "t",
        }
    )
    assert load_settings(settings.variables()) == settings


def test_no_secret_shows_in_a_repr(tmp_path: Path) -> None:
    settings = load_settings({"C360_HOME": str(tmp_path), "KLAVIYO_API_KEY": "pk_planted_secret"})
    assert "planted" not in repr(settings)
    assert "planted" not in str(settings)


def test_the_example_names_exactly_the_variables_that_are_read() -> None:
    example = set(re.findall(r"^([A-Z0-9_]+)=", (PROJECT_ROOT / ".env.example").read_text(), re.MULTILINE))
    source = Path(settings_module.__file__).read_text()
    assert example == set(re.findall(r'"((?:C360|KLAVIYO|ZENDESK)_[A-Z_0-9]+)"', source))
