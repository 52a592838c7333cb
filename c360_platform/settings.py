"""Where the platform runs and with what: the only reader of the environment.

Belongs here: every variable of `.env.example`, its default per environment and its validation. Does not
belong here: anything that connects, and any secret in clear text outside `SecretStr`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Literal, TypeVar, get_args
from urllib.parse import urlsplit

from pydantic import SecretStr

PROJECT_ROOT = Path(__file__).resolve().parent.parent
SANDBOX_PORT = 8377
SANDBOX_KEY = "pk_demo_local"
SANDBOX_URL = f"http://127.0.0.1:{SANDBOX_PORT}"
MAX_BYTES_BILLED = 200 * 2**30  # a job that would read more is refused by BigQuery before it costs anything
JOB_TIMEOUT_SECONDS = 1800
ZENDESK_EXPORTS_PER_MINUTE = 10  # what Zendesk grants every plan without an add-on

Environment = Literal["local", "embedded", "staging", "production"]
Engine = Literal["duckdb", "bigquery"]
T = TypeVar("T")

# No fallback: a name that is not here raises, so that a typo never turns production into local.
ENGINES: Mapping[Environment, Engine] = {
    "local": "duckdb",
    "embedded": "duckdb",
    "staging": "bigquery",
    "production": "bigquery",
}
KLAVIYO_URLS: Mapping[Environment, str] = {
    "local": SANDBOX_URL,
    "embedded": "https://a.klaviyo.com",
    "staging": SANDBOX_URL,
    "production": "https://a.klaviyo.com",
}
# Where Klaviyo and Zendesk are the home's own sandbox.
SANDBOXED: frozenset[Environment] = frozenset({"local", "staging"})
_DATASET_PREFIX = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PROJECT = re.compile(r"([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]")
_LOCATION = re.compile(r"[A-Za-z][A-Za-z0-9-]*")


class SettingsError(ValueError):
    """The environment cannot be used as it is; the message names the variable and what to do."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the platform needs to know about its surroundings.

    Paths are absolute; base URLs have no trailing slash; secrets never show in a repr.
    """

    environment: Environment
    engine: Engine
    home: Path
    warehouse_path: Path
    dbt_project_dir: Path
    klaviyo_base_url: str
    klaviyo_api_key: SecretStr | None
    zendesk_base_url: str | None
    zendesk_email: SecretStr | None
    zendesk_api_token: SecretStr | None
    zendesk_exports_per_minute: int = ZENDESK_EXPORTS_PER_MINUTE
    klaviyo_rate_share: float = 1.0
    as_of: date | None = None
    bigquery_project: str | None = None
    bigquery_location: str = "EU"
    bigquery_dataset_prefix: str = ""
    bigquery_max_bytes_billed: int = MAX_BYTES_BILLED
    bigquery_job_timeout_seconds: int = JOB_TIMEOUT_SECONDS

    @property
    def uses_sandbox(self) -> bool:
        """Whether Klaviyo and Zendesk are the stand-ins of this home, unless a URL says otherwise."""
        return self.environment in SANDBOXED

    @property
    def dagster_home(self) -> Path:
        """Dagster's instance: runs, event log, schedules."""
        return self.home / "dagster"

    @property
    def dlt_home(self) -> Path:
        """Working files of the dlt pipelines; never authoritative."""
        return self.home / "dlt"

    @property
    def dbt_home(self) -> Path:
        """Target and log directories of dbt invocations."""
        return self.home / "dbt"

    @property
    def sandbox_path(self) -> Path:
        """The sandbox's state, one SQLite file."""
        return self.home / "sandbox.sqlite"

    @property
    def klaviyo_budget_path(self) -> Path:
        """Klaviyo's limits as all processes of this home use them up, one SQLite file; safe to delete."""
        return self.home / "klaviyo_budget.sqlite"

    def klaviyo_key(self) -> SecretStr:
        """Klaviyo's private key, or a `SettingsError` that says how to get one."""
        return _present(
            self.klaviyo_api_key,
            "KLAVIYO_API_KEY",
            "create a private key in Klaviyo (Settings > API keys) and put it into the environment or .env",
        )

    def zendesk_access(self) -> tuple[str, SecretStr, SecretStr]:
        """Zendesk's base URL, e-mail and API token, or a `SettingsError` naming what is missing."""
        hint = "see .env.example for the three ZENDESK_* variables"
        return (
            _present(self.zendesk_base_url, "ZENDESK_BASE_URL", hint),
            _present(self.zendesk_email, "ZENDESK_EMAIL", hint),
            _present(self.zendesk_api_token, "ZENDESK_API_TOKEN", hint),
        )

    def pointed_at(self, sandbox_url: str) -> Settings:
        """The same settings with Klaviyo and Zendesk at a sandbox."""
        return replace(
            self,
            klaviyo_base_url=sandbox_url,
            klaviyo_api_key=SecretStr(SANDBOX_KEY),
            zendesk_base_url=sandbox_url,
            zendesk_email=SecretStr("agent@sandbox.example"),
            zendesk_api_token=SecretStr("demo"),
        )

    def variables(self) -> dict[str, str]:
        """The environment variables that make a child process load these same settings."""
        optional = {
            "KLAVIYO_API_KEY": self.klaviyo_api_key,
            "ZENDESK_BASE_URL": self.zendesk_base_url,
            "ZENDESK_EMAIL": self.zendesk_email,
            "ZENDESK_API_TOKEN": self.zendesk_api_token,
            "C360_AS_OF": self.as_of.isoformat() if self.as_of else None,
            "C360_BIGQUERY_PROJECT": self.bigquery_project,
        }
        present = {
            name: value.get_secret_value() if isinstance(value, SecretStr) else value
            for name, value in optional.items()
            if value is not None
        }
        return present | {
            "C360_ENV": self.environment,
            "C360_HOME": str(self.home),
            "C360_WAREHOUSE_PATH": str(self.warehouse_path),
            "C360_DBT_PROJECT_DIR": str(self.dbt_project_dir),
            "C360_BIGQUERY_LOCATION": self.bigquery_location,
            "C360_BIGQUERY_DATASET_PREFIX": self.bigquery_dataset_prefix,
            "C360_BIGQUERY_MAX_BYTES_BILLED": str(self.bigquery_max_bytes_billed),
            "C360_BIGQUERY_JOB_TIMEOUT_SECONDS": str(self.bigquery_job_timeout_seconds),
            "KLAVIYO_BASE_URL": self.klaviyo_base_url,
            "KLAVIYO_RATE_SHARE": str(self.klaviyo_rate_share),
            "ZENDESK_EXPORTS_PER_MINUTE": str(self.zendesk_exports_per_minute),
        }


def load_settings(environ: Mapping[str, str] | None = None, *, home: Path | str | None = None) -> Settings:
    """Read and validate the environment (and `.env` in the working directory, which never overrides it).

    `home` wins over `C360_HOME`. Raises `SettingsError` with one line that names the variable.
    """
    if environ is None:
        from dotenv import dotenv_values

        from_file = {k: v for k, v in dotenv_values(Path.cwd() / ".env").items() if v}
        environ = from_file | dict(os.environ)
    environment = _environment(environ.get("C360_ENV") or "local")
    base = Path(home or environ.get("C360_HOME") or ".c360").expanduser().resolve()
    local = environment in SANDBOXED
    _check_emulator_host(environ)
    return Settings(
        environment=environment,
        engine=ENGINES[environment],
        home=base,
        warehouse_path=_absolute(environ, "C360_WAREHOUSE_PATH") or base / "warehouse.duckdb",
        dbt_project_dir=_absolute(environ, "C360_DBT_PROJECT_DIR") or PROJECT_ROOT / "dbt_project",
        klaviyo_base_url=_url(environ, "KLAVIYO_BASE_URL") or KLAVIYO_URLS[environment],
        klaviyo_api_key=_secret(environ, "KLAVIYO_API_KEY") or (SecretStr(SANDBOX_KEY) if local else None),
        zendesk_base_url=_url(environ, "ZENDESK_BASE_URL") or (SANDBOX_URL if local else None),
        zendesk_email=_secret(environ, "ZENDESK_EMAIL")
        or (SecretStr("agent@sandbox.example") if local else None),
        zendesk_api_token=_secret(environ, "ZENDESK_API_TOKEN") or (SecretStr("demo") if local else None),
        zendesk_exports_per_minute=_positive(environ, "ZENDESK_EXPORTS_PER_MINUTE")
        or ZENDESK_EXPORTS_PER_MINUTE,
        klaviyo_rate_share=_share(environ, "KLAVIYO_RATE_SHARE") or 1.0,
        as_of=_day(environ, "C360_AS_OF"),
        bigquery_project=_name(environ, "C360_BIGQUERY_PROJECT", _PROJECT, "my-shop-123"),
        bigquery_location=_name(environ, "C360_BIGQUERY_LOCATION", _LOCATION, "EU or europe-west3") or "EU",
        bigquery_dataset_prefix=_name(environ, "C360_BIGQUERY_DATASET_PREFIX", _DATASET_PREFIX, "dev_anna_")
        or "",
        bigquery_max_bytes_billed=_positive(environ, "C360_BIGQUERY_MAX_BYTES_BILLED") or MAX_BYTES_BILLED,
        bigquery_job_timeout_seconds=_positive(environ, "C360_BIGQUERY_JOB_TIMEOUT_SECONDS")
        or JOB_TIMEOUT_SECONDS,
    )


def _environment(name: str) -> Environment:
    for known in get_args(Environment):
        if name == known:
            return known
    raise SettingsError(f"C360_ENV={name!r} is unknown: use one of {', '.join(get_args(Environment))}")


def _absolute(environ: Mapping[str, str], variable: str) -> Path | None:
    """A relative path would mean another file to dbt (its own directory) than to dlt (the caller's)."""
    value = environ.get(variable)
    if not value:
        return None
    path = Path(value).expanduser()
    if not path.is_absolute():
        raise SettingsError(
            f"{variable}={value!r} is a relative path: give an absolute one, {path.resolve()}?"
        )
    return path


def _url(environ: Mapping[str, str], variable: str) -> str | None:
    value = environ.get(variable)
    if not value:
        return None
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingsError(
            f"{variable} is not a web address: it must begin with https:// (or http:// locally)"
        )
    if parts.username or parts.password:
        raise SettingsError(f"{variable} holds a password: put it into its own variable, see .env.example")
    return value.rstrip("/")


def _day(environ: Mapping[str, str], variable: str) -> date | None:
    value = environ.get(variable)
    if not value:
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise SettingsError(f"{variable}={value!r} is not a day: write it as 2026-06-30") from None


def _name(environ: Mapping[str, str], variable: str, form: re.Pattern[str], example: str) -> str | None:
    """A name that becomes part of SQL and of addresses."""
    value = environ.get(variable)
    if not value:
        return None
    if not form.fullmatch(value):
        raise SettingsError(f"{variable}={value!r} is not possible: write it like {example}")
    return value


def _positive(environ: Mapping[str, str], variable: str) -> int | None:
    value = environ.get(variable)
    if not value:
        return None
    if not value.isdecimal() or int(value) == 0:
        raise SettingsError(f"{variable}={value!r} is not a whole number above zero: write it like 600")
    return int(value)


def _share(environ: Mapping[str, str], variable: str) -> float | None:
    value = environ.get(variable)
    if not value:
        return None
    try:
        share = float(value)
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:  # refuses NaN too
        raise SettingsError(f"{variable}={value!r} is not a share above 0 and up to 1: write it like 0.5")
    return share


def _check_emulator_host(environ: Mapping[str, str]) -> None:
    """Google's client takes it as it is and fails without a scheme, minutes later and obscurely."""
    value = environ.get("BIGQUERY_EMULATOR_HOST")
    if value and not value.startswith(("http://", "https://")):
        raise SettingsError(
            f"BIGQUERY_EMULATOR_HOST={value!r} has no scheme: write http://{value}, "
            "or take the variable away to reach Google"
        )


def _secret(environ: Mapping[str, str], variable: str) -> SecretStr | None:
    value = environ.get(variable)
    return SecretStr(value.strip()) if value and value.strip() else None


def _present(value: T | None, variable: str, hint: str) -> T:
    if value is None:
        raise SettingsError(f"{variable} is not set: {hint}")
    return value
