"""Twenty-five random worlds in the suite; `make chaos N=500` runs as many as one likes."""

from __future__ import annotations

import os

from tests.chaos.__main__ import worlds

WORLDS = range(1, 26)


def test_whatever_goes_wrong_klaviyo_ends_as_the_models_say() -> None:
    # Beside another worker of pytest there is one core for this.
    jobs = 1 if "PYTEST_XDIST_WORKER" in os.environ else 2

    broken = {verdict.seed: verdict.violations for verdict in worlds(WORLDS, jobs) if verdict.violations}

    assert not broken, "replay: make chaos N=1 SEED=…"
