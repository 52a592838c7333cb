"""Where the platform runs and with what: the only reader of the environment.

Belongs here: every `C360_*`, `KLAVIYO_*` and `ZENDESK_*` variable, its default per environment and its
validation. Does not belong here: anything that connects, and any secret in clear text outside `SecretStr`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import SecretStr

PROJECT_ROOT = Path(__file__).resolve().parent.parent
SANDBOX_PORT = 8377
SANDBOX_KEY = "pk_demo_local"

Environment = Literal["local", "production"]
Engine = Literal["duckdb", "bigquery"]


class SettingsError(ValueError):
    """The environment cannot be used as it is; the message says which variable and what to do."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the platform needs to know about its surroundings.

    Paths are absolute. `klaviyo_base_url` and `zendesk_base_url` have no trailing slash.
    """

    environment: Environment
    home: Path
    engine: Engine
    warehouse_path: Path
    klaviyo_base_url: str
    klaviyo_api_key: SecretStr | None
    zendesk_base_url: str | None
    zendesk_email: str | None
    zendesk_api_token: SecretStr | None
    dbt_project_dir: Path
    as_of: date | None = None
    bigquery_project: str | None = None
    bigquery_location: str = "EU"
    reference_data: Path | None = field(default=None)

    @property
    def dagster_home(self) -> Path:
        return self.home / "dagster"

    @property
    def dlt_home(self) -> Path:
        return self.home / "dlt"

    @property
    def sandbox_path(self) -> Path:
        return self.home / "sandbox.sqlite"

    def klaviyo_key(self) -> str:
        """The private key, or a `SettingsError` that says how to get one."""
        if self.klaviyo_api_key is None or not self.klaviyo_api_key.get_secret_value():
            raise SettingsError(
                "KLAVIYO_API_KEY is not set: create a private key in Klaviyo (Settings > API keys) "
                "and put it into the environment or .env"
            )
        return self.klaviyo_api_key.get_secret_value()

    def pointed_at(self, sandbox_url: str) -> Settings:
        """The same settings with Klaviyo and Zendesk at a sandbox."""
        return replace(
            self,
            klaviyo_base_url=sandbox_url,
            klaviyo_api_key=SecretStr(SANDBOX_KEY),
            zendesk_base_url=sandbox_url,
            zendesk_email="agent@sandbox.example",
            zendesk_api_token=SecretStr("demo"),
        )
