"""The synthetic shop that a home holds: it is made once, and its day is the day of everything done there.

Belongs here: whether a home has a shop, which one, and its day. Does not belong here: what is in it
(sandbox.world) and what people see of it (terminal).
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from c360_platform.settings import SettingsError

if TYPE_CHECKING:
    from c360_platform.settings import Settings


def make_world(
    settings: Settings, *, customers: int, seed: int, replace: bool = False, say: Callable[[str], None]
) -> None:
    """Make the synthetic shop in the home and say how many rows it has."""
    from c360_platform.sandbox.world import make_world as generate

    settings.home.mkdir(parents=True, exist_ok=True)
    summary = generate(
        settings.warehouse_path,
        settings.sandbox_path,
        customers=customers,
        seed=seed,
        as_of=settings.as_of or datetime.now(UTC).date(),
        replace=replace,
        progress=say,
    )
    if settings.engine == "bigquery":
        from c360_platform.resources import WarehouseAccess
        from c360_platform.sandbox.world import transfer_world

        warehouse = WarehouseAccess(settings).open()
        transfer_world(settings.warehouse_path, warehouse, replace=replace, progress=say)
    say(f"world of {customers:,} people made, {sum(summary.rows.values()):,} rows")


def make_world_once(settings: Settings, *, customers: int, seed: int, say: Callable[[str], None]) -> Settings:
    """Make the synthetic shop unless the home already holds the same one; another one is an error.

    Returns settings with the shop's day where none was given: in UTC, the last hours of a day are already
    the next one on the shop's calendar, which a build without a day would take.
    """
    there = _world_parameters(settings)
    if there is None or not _is_transferred(settings):
        make_world(settings, customers=customers, seed=seed, say=say)
    elif (there.get("customers"), there.get("seed")) != (customers, seed):
        raise SettingsError(
            f"{settings.home} holds another world ({there.get('customers')} customers, "
            f"seed {there.get('seed')}): give the same --customers and --seed, or another --home"
        )
    else:
        say(f"the world of {customers:,} people is there already; the loop is repeated on it")
    return dataclasses.replace(settings, as_of=settings.as_of or day_of_world(settings))


def day_of_world(settings: Settings) -> date | None:
    """The day that the home's synthetic shop lives on; None without one. Time stands still in such a home."""
    there = _world_parameters(settings)
    return date.fromisoformat(there["as_of"]) if there and there.get("as_of") else None


def _is_transferred(settings: Settings) -> bool:
    if settings.engine == "duckdb":
        return True
    from c360_platform.resources import WarehouseAccess
    from c360_platform.sandbox.world import is_transferred

    return is_transferred(settings.warehouse_path, WarehouseAccess(settings).open())


def _world_parameters(settings: Settings) -> dict[str, Any] | None:
    try:
        parameters: dict[str, Any] = json.loads((settings.home / "world.json").read_text())
    except FileNotFoundError:
        return None
    except ValueError:
        raise SettingsError(
            f"{settings.home / 'world.json'} is not JSON: delete it and make the world anew"
        ) from None
    return parameters
