"""Our own rate limits and what a Retry-After means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c360_platform.activation.events import windows
from c360_platform.activation.limits import XS, L, Limiter, M, S, Tier, retry_after_seconds

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


class FakeTime:
    """A clock that only sleeping and waiting for the next arrival move."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@given(
    tier=st.sampled_from([XS, S, M, L]),
    gaps=st.lists(
        st.sampled_from([0.0, 0.0, 0.0, 0.01, 0.3, 0.99, 1.0, 7.0, 59.9]), min_size=1, max_size=200
    ),
    pauses=st.dictionaries(st.integers(0, 199), st.floats(0, 30)),
)
def test_no_window_ever_holds_more_than_the_tier_allows(
    tier: Tier, gaps: list[float], pauses: dict[int, float]
) -> None:
    time = FakeTime()
    limiter = Limiter(tier, clock=lambda: time.now, sleep=time.sleep)
    sent: list[float] = []
    for index, gap in enumerate(gaps):
        time.now += gap
        if index in pauses:
            limiter.pause(pauses[index])
            paused_until = time.now + pauses[index]
            limiter.wait()
            assert time.now >= paused_until - 1e-6
        else:
            limiter.wait()
        sent.append(time.now)

    for seconds, allowed in ((1, tier.burst), (60, tier.steady)):
        for first, beyond in zip(sent, sent[allowed:], strict=False):
            assert beyond - first > seconds - 1e-6


def test_a_quiet_account_is_not_slowed_down() -> None:
    time = FakeTime()
    limiter = Limiter(M, clock=lambda: time.now, sleep=time.sleep)
    assert sum(limiter.wait() for _ in range(M.burst)) == 0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("3", 3),
        (" 1.5 ", 1.5),
        ("0", 0),
        ("-5", 0),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(NOW - timedelta(seconds=90), usegmt=True), 0),
        (None, None),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
    ],
)
def test_every_spelling_of_retry_after_is_understood(header: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(header, format_datetime(NOW, usegmt=True)) == seconds


@given(seconds=st.lists(st.integers(0, 86_400 * 30), min_size=1, max_size=80))
def test_windows_for_reading_back_hold_every_second_and_are_few(seconds: list[int]) -> None:
    spans = list(windows(seconds))

    assert all(any(first <= second <= last for first, last in spans) for second in seconds)
    assert len(spans) <= 3
    assert all(before[1] < after[0] for before, after in pairwise(spans))
