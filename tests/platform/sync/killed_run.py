"""A run that is killed with SIGKILL at a chosen moment: `python -m tests.platform.sync.killed_run …`.

Arguments: warehouse file (or `bigquery:PROJECT`), sandbox URL, name of the spec in `shop`, method of the
ledger, before|after, its how-manieth call. Batches are small, so that there are several.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from c360_platform.activation import payloads
from c360_platform.activation.engine import run_sync
from c360_platform.activation.ledger import Ledger
from c360_platform.activation.transport import Klaviyo
from c360_platform.warehouse import Warehouse, open_warehouse
from tests.platform.sync import shop

ROWS_IN_A_BATCH = 10


def main(arguments: list[str]) -> None:
    path, url, spec, method, moment, call = arguments
    for lane in payloads.LANES:
        payloads.LANES[lane] = payloads.Lane(ROWS_IN_A_BATCH)
    calls = 0
    real = getattr(Ledger, method)

    def killed(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == int(call) and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*args, **kwargs)
        if calls == int(call):
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(Ledger, method, killed)
    run_sync(
        getattr(shop, spec),
        _warehouse(path),
        Klaviyo(shop.KEY, url),
        run_id="killed",
        now=shop.NOW,
    )


def _warehouse(address: str) -> Warehouse:
    engine, _, project = address.partition(":")
    if engine == "bigquery":
        return open_warehouse(engine="bigquery", bigquery_project=project, bigquery_location="EU")
    return open_warehouse(warehouse_path=Path(address))


if __name__ == "__main__":
    main(sys.argv[1:])
