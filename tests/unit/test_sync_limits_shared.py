"""The account's budget: no window overrun, no lane overtaken, nobody held up by the dead, in any process."""

from __future__ import annotations

import heapq
import json
import logging
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c360_platform.activation.transport.budget import AccountBudget, Budget, Lane, Limiter, account_budget
from c360_platform.activation.transport.limits import XS, L, M, S, Tier
from c360_platform.resources import KlaviyoAccess
from c360_platform.settings import Settings

KEY = "pk_0123456789_planted"
ENDPOINT = "GET /api/profiles"
LANES: tuple[Lane, ...] = get_args(Lane)


class FakeTime:
    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def account(clock: Callable[[], float], path: Path | None = None) -> AccountBudget:
    return AccountBudget(Budget(path, clock=clock), "https://a.klaviyo.com", KEY)


def assert_within(tier: Tier, sent: Iterable[float]) -> None:
    moments = sorted(sent)
    for allowed, seconds in ((tier.burst, 1), (tier.steady, 60)):
        for first, beyond in zip(moments, moments[allowed:], strict=False):
            assert beyond - first > seconds


def run_out(budget: AccountBudget, time: FakeTime, tier: Tier, requests: int) -> list[float]:
    """When so many requests leave that one caller has, one after the other."""
    sent = []
    for _ in range(requests):
        limiter = budget.limiter(ENDPOINT, tier, "profiles")
        while pause := limiter.reserve():
            time.now += pause
        sent.append(time.now)
    return sent


arrivals = st.tuples(
    st.sampled_from([0.0, 0.0, 0.0, 0.01, 0.3, 0.99, 1.0, 7.0]),  # after the one before
    st.sampled_from(LANES),
    st.sampled_from([False, False, False, True]),  # whether the caller dies as soon as it has to wait
)


@given(
    tier=st.sampled_from([XS, S, M, L, Tier(2, 5)]),
    callers=st.lists(arrivals, min_size=1, max_size=60),
    pauses=st.dictionaries(st.integers(0, 59), st.floats(0, 30), max_size=3),
)
def test_windows_hold_and_no_lane_is_overtaken_whoever_comes_waits_or_dies(
    tier: Tier, callers: list[tuple[float, Lane, bool]], pauses: dict[int, float]
) -> None:
    time = FakeTime()
    budget = account(time)
    sent: list[float] = []
    waiting: dict[int, Limiter] = {}
    due: list[tuple[float, int]] = []
    arrived: list[float] = []
    paused_until = 0.0
    for number, (gap, _, _) in enumerate(callers):
        arrived.append(sum(arrived[-1:]) + gap)
        heapq.heappush(due, (arrived[number], number))

    def rank(number: int) -> tuple[int, float]:
        return LANES.index(callers[number][1]), arrived[number]

    while due:
        time.now, number = heapq.heappop(due)
        assert time.now < 2_000, "somebody is held up for ever"
        _, lane, dies = callers[number]
        if number in pauses and number not in waiting:
            budget.limiter(ENDPOINT, tier, lane).pause(pauses[number])
            paused_until = max(paused_until, time.now + pauses[number])
        if number not in waiting:
            waiting[number] = budget.limiter(ENDPOINT, tier, lane)
        pause = waiting[number].reserve()
        if pause > 0:
            if dies:
                del waiting[number]
            else:
                heapq.heappush(due, (time.now + pause, number))
            continue
        sent.append(time.now)
        assert time.now >= paused_until
        del waiting[number]
        # Whoever waits before it has room at the same moment.
        for other in sorted((each for each in waiting if rank(each) < rank(number)), key=rank):
            assert waiting[other].reserve() == 0
            sent.append(time.now)
            del waiting[other]
            due = [(at, each) for at, each in due if each != other]
            heapq.heapify(due)

    assert len(sent) >= sum(not dies for _, _, dies in callers)
    assert not waiting
    assert_within(tier, sent)


@pytest.mark.parametrize(("tier", "requests"), [(XS, 40), (M, 400), (L, 1_500)])
def test_the_windows_are_used_up_to_a_few_hundredths(tier: Tier, requests: int) -> None:
    time = FakeTime()

    sent = run_out(account(time), time, tier, requests)

    assert_within(tier, sent)
    assert sent[-1] <= 1.03 * tier.minimal_seconds(requests)


def test_an_event_goes_before_a_list_that_waits_longer_and_a_dead_one_holds_nobody_up() -> None:
    time = FakeTime()
    budget = account(time)
    run_out(budget, time, XS, 1)
    a_list = budget.limiter(ENDPOINT, XS, "lists")
    an_event, dead = (budget.limiter(ENDPOINT, XS, "events") for _ in range(2))
    assert dead.reserve() > 0
    assert a_list.reserve() > 0
    time.now += 0.5
    assert an_event.reserve() > 0
    time.now += 1
    assert a_list.reserve() > 0  # there is room for one, and an event waits

    while pause := an_event.reserve():
        time.now += pause
        assert time.now < 6
    while pause := a_list.reserve():
        time.now += pause
    assert time.now < 8


def test_who_gives_up_makes_room_at_once() -> None:
    time = FakeTime()
    budget = account(time)
    run_out(budget, time, XS, 1)
    first, second = (budget.limiter(ENDPOINT, XS, "lists") for _ in range(2))
    assert first.reserve() > 0
    time.now += 0.1
    assert second.reserve() > 0
    time.now += 1
    assert second.reserve() > 0

    first.leave()

    assert second.reserve() == 0


def test_accounts_and_endpoints_do_not_share_a_budget() -> None:
    budget = Budget(clock=FakeTime())
    ours, others = (AccountBudget(budget, "https://a.klaviyo.com", key) for key in (KEY, "pk_other"))
    for limiter in (
        ours.limiter(ENDPOINT, XS, "events"),
        others.limiter(ENDPOINT, XS, "events"),
        ours.limiter("GET /api/lists", XS, "events"),
    ):
        assert limiter.reserve() == 0
    assert ours.limiter(ENDPOINT, XS, "events").reserve() > 0


def test_a_pause_reaches_every_process_and_is_never_longer_than_a_window(tmp_path: Path) -> None:
    time, path = FakeTime(), tmp_path / "budget.sqlite"
    account(time, path).limiter(ENDPOINT, M, "profiles").pause(86_400)
    other = account(time, path).limiter(ENDPOINT, M, "events")
    time.now += 59.5
    assert other.reserve() == 0.5
    time.now += 0.5
    assert other.reserve() == 0


def test_a_machine_that_was_started_anew_begins_afresh(tmp_path: Path) -> None:
    path, before = tmp_path / "budget.sqlite", FakeTime(10_000.0)
    budget = account(before, path)
    run_out(budget, before, XS, 15)
    budget.limiter(ENDPOINT, XS, "events").pause(60)
    assert budget.limiter(ENDPOINT, XS, "events").reserve() > 0

    after = FakeTime(5.0)
    assert run_out(account(after, path), after, XS, 2) == [5.0, pytest.approx(6.02)]


@pytest.mark.parametrize("spoil", [lambda path: path.write_bytes(b"no database" * 999), Path.mkdir])
def test_a_file_that_cannot_be_used_is_said_once_and_stops_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, spoil: Callable[[Path], object]
) -> None:
    path, time = tmp_path / "budget.sqlite", FakeTime()
    spoil(path)

    with caplog.at_level(logging.WARNING):
        sent = run_out(account(time, path), time, XS, 3)

    assert_within(XS, sent)
    assert [record.getMessage()[: len(str(path))] for record in caplog.records] == [str(path)]


def test_a_file_that_breaks_while_it_is_used_stops_nobody(tmp_path: Path) -> None:
    path, time = tmp_path / "budget.sqlite", FakeTime()
    budget = account(time, path)
    run_out(budget, time, XS, 2)
    path.write_bytes(b"no database" * 999)

    assert len(run_out(budget, time, XS, 2)) == 2


def test_the_file_holds_neither_key_nor_address(tmp_path: Path) -> None:
    path, time = tmp_path / "deep" / "budget.sqlite", FakeTime()
    budget = account(time, path)
    limiter = budget.limiter(ENDPOINT, XS, "events")
    run_out(budget, time, XS, 2)
    assert limiter.reserve() > 0

    written = b"".join(file.read_bytes() for file in path.parent.iterdir())

    assert b"/api/profiles" in written
    assert KEY.encode() not in written
    assert b"klaviyo.com" not in written
    for shown in (budget, limiter):
        assert KEY not in repr(shown) + repr(vars(shown))


def test_loads_and_pushes_of_a_home_draw_on_one_budget(home: Settings) -> None:
    access = KlaviyoAccess(home)
    pace = access.ingest_pace(ENDPOINT, ((10, 1), (150, 60)))
    assert [pace.reserve() for _ in range(10)] == [0.0] * 10
    key = home.klaviyo_key().get_secret_value()

    pushes = account_budget(home.klaviyo_base_url, key, home.klaviyo_budget_path)

    assert pushes.limiter(ENDPOINT, M, "events").reserve() > 0
    assert home.klaviyo_budget_path.exists()


# Sends what it may and prints when; with a number above 0 it is killed in the middle of a count.
PROCESS = """
import json, os, signal, sys, time
from pathlib import Path
from c360_platform.activation.transport.budget import AccountBudget, Budget
from c360_platform.activation.transport.limits import Tier

path, requests, lethal = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
calls = 0

def clock():
    global calls
    calls += counted._connection is not None and counted._connection.in_transaction
    if calls == lethal:
        os.kill(os.getpid(), signal.SIGKILL)
    return time.monotonic()

counted = Budget(path, clock=clock)
budget = AccountBudget(counted, "https://a.klaviyo.com", "pk_x")
for _ in range(requests):
    limiter = budget.limiter("GET /api/profiles", Tier(30, 3_000), "profiles")
    while pause := limiter.reserve():
        time.sleep(pause)
    print(json.dumps(time.monotonic()), flush=True)
"""


def test_processes_share_one_budget_and_survive_the_kill_of_one(tmp_path: Path) -> None:
    path = tmp_path / "budget.sqlite"
    plans = [(25, -1), (25, -1), (25, 12)]

    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(path), str(requests), str(lethal)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for requests, lethal in plans
    ]
    outputs = [process.communicate(timeout=60)[0].split() for process in processes]

    assert [process.returncode for process in processes] == [0, 0, -signal.SIGKILL]
    sent = [json.loads(line) for output in outputs for line in output]
    assert [len(output) for output in outputs[:2]] == [25, 25]
    assert 1 <= len(outputs[2]) < 25
    moments = sorted(sent)
    # What is printed is a little later than what was counted.
    assert all(beyond - first > 0.99 for first, beyond in zip(moments, moments[30:], strict=False))
