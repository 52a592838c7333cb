"""A warehouse that somebody else holds: a bounded wait, then one clear line, and nothing half done."""

from __future__ import annotations

import subprocess
import sys

import pytest

from c360_platform.warehouse import WarehouseLocked
from c360_platform.warehouse.duckdb import DuckDBWarehouse
from tests.platform.sync.shop import PROFILES, Shop, person


def test_case_27_a_warehouse_that_another_process_holds_is_waited_for_and_then_named(shop: Shop) -> None:
    shop.profiles([person(1)])
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import duckdb, sys\n"
            "held = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.readline()",
            str(shop.warehouse.path),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        shop.warehouse = DuckDBWarehouse(shop.warehouse.path, lock_wait_seconds=0.3)
        with pytest.raises(WarehouseLocked, match=rf"warehouse\.duckdb is locked by process {holder.pid} "):
            shop.run(PROFILES)
        assert shop.calls() == {}
    finally:
        holder.communicate("\n", timeout=30)
    assert shop.run(PROFILES).confirmed == 1
