"""Twenty-five random worlds in the suite; `make chaos N=500` runs as many as one likes."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

import pytest

from c360_platform.sandbox.store import Store
from tests.chaos.__main__ import worlds
from tests.chaos.account import Account
from tests.chaos.expected import Truth

WORLDS = range(1, 26)


def test_whatever_goes_wrong_klaviyo_ends_as_the_models_say() -> None:
    # Beside another worker of pytest there is one core for this.
    jobs = 1 if "PYTEST_XDIST_WORKER" in os.environ else 2

    broken = {verdict.seed: verdict.violations for verdict in worlds(WORLDS, jobs) if verdict.violations}

    assert not broken, "replay: make chaos N=1 SEED=…"


@pytest.mark.parametrize(
    ("deed", "complaint"),
    [
        ("delete from kl_list_member", "a foreign member was removed"),
        ("update kl_profile set email_consent = 'SUBSCRIBED'", "consent of"),
        ("update kl_profile set email_suppressions = '[1]'", "consent of"),
        ("update kl_profile set last_name = 'Changed'", "foreign last_name"),
        ("""update kl_profile set properties = '{"LTV": 1}'""", "properties of no version"),
        ("update kl_profile set first_name = 'Nobody'", "first_name of no version"),
        ("delete from kl_event", "a foreign event is gone"),
        ("update kl_profile set email = 'x' || email", "came from nowhere"),
    ],
)
def test_what_nobody_may_do_is_noticed(tmp_path: Path, deed: str, complaint: str) -> None:
    store = Store(tmp_path / "sandbox.sqlite")
    account = Account(store, Random(2), now_us=10**15)
    account.settle_in([f"person{number}@planted.example" for number in range(9)])
    truth = Truth(account.snapshot(), has_tier=False)
    assert account.foreign_members
    assert not list(truth.violations(account.snapshot(), account.foreign_members))

    store.execute(deed)

    found = list(truth.violations(account.snapshot(), account.foreign_members))
    store.close()
    assert [problem for problem in found if complaint in problem]
