"""Processes that die, meet or find the warehouse shut: cases 2, 3, 25 to 28 (1: `test_sync_recovery`).

Every run that is killed, starved or raced is a process of its own with the real engine.
"""

from __future__ import annotations

import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random

import pytest

from c360_platform.activation.engine import run_sync
from c360_platform.activation.errors import SyncHeld
from c360_platform.sandbox.klaviyo.settings import KlaviyoSettings
from c360_platform.warehouse import WarehouseLocked
from c360_platform.warehouse.duckdb import DuckDBWarehouse
from tests.platform.sync.killed_run import ROWS_IN_A_BATCH, DieAt, OtherRun, Plot, die_in_commit, time_commit
from tests.platform.sync.shop import EVENTS, NOW, PROFILES, SEGMENT, Shop, person
from tests.platform.sync.test_sync_events import shipment

PEOPLE = [person(number) for number in range(1, 26)]
IMPORT = "POST /api/profile-bulk-import-jobs"
# Parts of the time that a commit and the closing of the file after it take.
MOMENTS = (0.0, 0.2, 0.4, 0.6, 0.9, 1.5)


@pytest.fixture(autouse=True)
def _unlimited(shop: Shop) -> None:
    """Many processes one after the other would wait for the account's limits."""
    shop.sandbox.limits.enabled = False


def plot(shop: Shop, prepare: Callable[[Connection], None] | None = None) -> Plot:
    return Plot(shop.address, shop.sandbox.url, PROFILES, prepare)


def people_in_klaviyo(shop: Shop) -> int:
    return int(shop.sandbox.store.value("select count(*) from kl_profile"))


def state_rows(shop: Shop) -> int:
    return int(shop.ledger("select count(*) as n from c360_sync.state")[0]["n"])


# 2, 3: killed -----------------------------------------------------------------------------------------------


def test_case_02_a_run_killed_between_two_batches_is_resumed_at_the_next_one(shop: Shop) -> None:
    shop.profiles(PEOPLE)
    assert OtherRun(plot(shop, DieAt("accepted", "after", 1))).ended() == (-signal.SIGKILL, "")
    before = shop.imported_rows()
    assert before == [ROWS_IN_A_BATCH]

    report = shop.run(PROFILES)

    assert (report.confirmed, report.pending, sum(shop.imported_rows())) == (25, 0, 25)
    assert shop.imported_rows()[: len(before)] == before
    assert (people_in_klaviyo(shop), state_rows(shop)) == (25, 25)
    shop.calls()
    assert (shop.run(PROFILES).unchanged, shop.calls()) == (25, {})


def test_case_03_a_run_killed_while_the_state_commits_leaves_the_old_state_or_the_new_one(shop: Shop) -> None:
    shop.profiles(PEOPLE)
    assert OtherRun(plot(shop, DieAt("confirm", "before", 1))).ended()[0] == -signal.SIGKILL
    applied = Path(shop.address)
    template = _copied(applied, applied.with_name("template.duckdb"))
    code, said = OtherRun(plot(shop, time_commit)).ended()
    assert code == 0
    left: list[int] = []
    for moment in MOMENTS:
        _copied(template, applied)
        run = OtherRun(plot(shop, partial(die_in_commit, moment * float(said))))
        assert run.ended() == (-signal.SIGALRM, "")

        left.append(state_rows(shop))
        settled = shop.ledger("select sum(row_count) as n from c360_sync.batches where status = 'confirmed'")
        assert left[-1] == (settled[0]["n"] or 0) in (0, 25), f"half a state at {moment}"
        assert OtherRun(plot(shop)).ended() == (0, f"confirmed {25 - left[-1]}")
        assert state_rows(shop) == 25

    assert sum(shop.imported_rows()) == 25
    assert set(left) == {0, 25}, "the kills met one side of the commit only"


def _copied(source: Path, target: Path) -> Path:
    """A database with its log and what is noted beside it."""
    for suffix in ("", ".wal", f".{PROFILES.name}.accepted"):
        target.with_name(target.name + suffix).unlink(missing_ok=True)
        if source.with_name(source.name + suffix).exists():
            shutil.copy(source.with_name(source.name + suffix), target.with_name(target.name + suffix))
    return target


# 25: consent ------------------------------------------------------------------------------------------------


def test_case_25_no_sync_changes_who_may_be_written_to(shop: Shop) -> None:
    shop.profiles(PEOPLE)
    shop.run(PROFILES)
    _decide(shop)
    before = _consents(shop)
    assert {consent for consent, *_ in before.values()} == {"SUBSCRIBED", "UNSUBSCRIBED", "NEVER_SUBSCRIBED"}
    shop.calls()

    emails = [row["email"] for row in PEOPLE]
    shop.profiles([person(number, note="new", first_name=None) for number in range(1, 26)])
    shop.segment(emails)
    shop.events([shipment(number) for number in range(1, 26)])
    for spec in (PROFILES, SEGMENT, EVENTS):
        shop.run(spec)
    shop.segment(emails[9:])
    shop.run(SEGMENT)

    assert shop.members(shop.list_id()) == set(emails[9:])
    after = _consents(shop)
    assert {email: after[email] for email in before} == before
    assert not [call for call in shop.calls() if "subscription" in call or "suppression" in call]


def _decide(shop: Shop) -> None:
    """Some people subscribe, some unsubscribe, some are suppressed."""
    store = shop.sandbox.store
    for number, consent, suppressions in (
        (1, "SUBSCRIBED", "[]"),
        (2, "UNSUBSCRIBED", '[{"reason":"UNSUBSCRIBE","timestamp":"2026-01-01T00:00:00+00:00"}]'),
        (3, "NEVER_SUBSCRIBED", '[{"reason":"USER_SUPPRESSED","timestamp":"2026-01-01T00:00:00+00:00"}]'),
        (12, "UNSUBSCRIBED", '[{"reason":"SPAM_REPORT","timestamp":"2026-01-01T00:00:00+00:00"}]'),
    ):
        store.execute(
            "update kl_profile set email_consent = ?, email_suppressions = ? where email = ?",
            (consent, suppressions, f"person{number}@shop.example"),
        )


def _consents(shop: Shop) -> dict[str, tuple[object, ...]]:
    columns = "email_consent, email_suppressions, email_consent_at"
    return {
        row["email"]: tuple(row)[1:]
        for row in shop.sandbox.store.rows(f"select email, {columns} from kl_profile")
    }


# 26: two at once --------------------------------------------------------------------------------------------


def test_case_26_a_second_run_is_turned_away_while_the_first_is_at_work(shop: Shop) -> None:
    shop.profiles(PEOPLE)
    turned_away: list[str] = []

    def meanwhile(_: str) -> None:
        with pytest.raises(SyncHeld, match="run first is at work on it") as caught:
            shop.run(PROFILES, run_id="second")
        turned_away.append(str(caught.value))

    report = run_sync(
        *(PROFILES, shop.warehouse, shop.klaviyo),
        run_id="first",
        now=NOW,
        progress=meanwhile,
        patience=shop.patience,
    )

    assert (report.confirmed, shop.imported_rows()) == (25, [25])
    assert turned_away
    assert shop.run(PROFILES, run_id="third").unchanged == 25


def test_case_26_of_two_processes_one_sends_and_nothing_is_doubled(shop: Shop) -> None:
    KlaviyoSettings(shop.sandbox.store).import_delay_seconds = 1
    shop.profiles(PEOPLE)
    first = OtherRun(replace(plot(shop), run_id="first"))
    _await(lambda: shop.sandbox.calls().get(IMPORT, 0) > 0)

    second = OtherRun(replace(plot(shop), run_id="second"))
    code, said = second.ended()

    assert code == 0
    assert said.startswith("SyncHeld: sync profiles: run first is at work on it")
    assert first.ended() == (0, "confirmed 25")
    assert sum(shop.imported_rows()) == 25
    assert shop.run(PROFILES).unchanged == 25


def test_case_26_runs_of_two_syncs_take_turns_at_the_warehouse(shop: Shop) -> None:
    shop.profiles(PEOPLE)
    shop.segment([row["email"] for row in PEOPLE])

    both = [OtherRun(replace(plot(shop), spec=spec, run_id=spec.name)) for spec in (PROFILES, SEGMENT)]

    assert [run.ended() for run in both] == [(0, "confirmed 25")] * 2
    assert (people_in_klaviyo(shop), len(shop.members(shop.list_id())), state_rows(shop)) == (25, 25, 50)


def _await(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


# 27: locked -------------------------------------------------------------------------------------------------


@contextmanager
def held_open(path: str, *, read_only: bool) -> Iterator[subprocess.Popen[str]]:
    """The warehouse open in another process until the block ends, or until a line is written to it."""
    code = (
        "import duckdb, sys; connection = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == 'True');"
        "print('open', flush=True); sys.stdin.readline()"
    )
    command = [sys.executable, "-c", code, path, str(read_only)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        try:
            yield holder
        finally:
            holder.kill()


@pytest.mark.parametrize("read_only", [False, True])
def test_case_27_a_locked_warehouse_is_waited_for_and_then_named_with_its_holder(
    shop: Shop, *, read_only: bool
) -> None:
    shop.profiles(PEOPLE)
    with held_open(shop.address, read_only=read_only) as holder:
        shop.warehouse = DuckDBWarehouse(shop.warehouse.path, lock_wait_seconds=0.3)
        started = time.monotonic()
        with pytest.raises(WarehouseLocked, match=rf"is locked by process {holder.pid} .*start again"):
            shop.run(PROFILES)
        assert time.monotonic() - started < 30
        assert shop.calls() == {}

        shop.warehouse = DuckDBWarehouse(shop.warehouse.path, lock_wait_seconds=60)
        assert holder.stdin is not None
        holder.stdin.write("enough\n")
        holder.stdin.flush()
        assert shop.run(PROFILES).confirmed == 25


# 28: full ---------------------------------------------------------------------------------------------------


def _starve(most: int, _: Connection) -> None:
    """No file of this process may be written beyond so many bytes, as on a disk that is full."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


def test_case_28_a_disk_that_is_full_at_any_moment_stops_the_run_and_nothing_is_lost(shop: Shop) -> None:
    shop.profiles(PEOPLE[:5])
    shop.run(PROFILES)
    shop.profiles(PEOPLE)
    words: set[str] = set()

    for most in range(0, 60_000, 2_000):  # the log has some kilobytes at the end of a run
        code, said = OtherRun(plot(shop, partial(_starve, most))).ended()
        assert code == 0, f"with {most} bytes"
        if said.startswith("confirmed"):
            break
        words.add(said.partition(":")[0])
        assert "File too large" in said
        assert state_rows(shop) >= 5

    assert "WarehouseError" in words
    report = shop.run(PROFILES)
    assert (report.pending, report.rejected, state_rows(shop)) == (0, 0, 25)
    assert people_in_klaviyo(shop) == 25
    assert shop.ledger("select count(*) as n from c360_sync.runs where status = 'running'") == [{"n": 0}]
    shop.calls()
    assert (shop.run(PROFILES).unchanged, shop.calls()) == (25, {})


def test_case_28_no_room_for_the_bodies_holds_the_run_before_any_write(shop: Shop) -> None:
    random = Random(28)
    large = [person(number, note=random.randbytes(6_000).hex()) for number in range(1, 26)]
    shop.profiles(large)

    code, said = OtherRun(plot(shop, partial(_starve, 200_000))).ended()

    assert (code, said[:22]) == (0, "SyncHeld: no room for ")
    assert not [call for call in shop.calls() if not call.startswith("GET ")]
    assert shop.run(PROFILES).confirmed == 25
