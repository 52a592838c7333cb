"""What Klaviyo's limits take, and what a Retry-After means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c360_platform.activation.events import windows
from c360_platform.activation.transport.limits import XS, L, M, Tier, retry_after_seconds

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("tier", "requests", "seconds"),
    [
        (M, 0, 0),
        (M, 10, 0),
        (M, 11, 1),
        (M, 150, 14),
        (M, 151, 60),
        (M, 300, 74),
        (L, 1_000, 63),
        (XS, 16, 60),
    ],
)
def test_the_least_time_for_requests_follows_from_both_windows(
    tier: Tier, requests: int, seconds: int
) -> None:
    assert tier.minimal_seconds(requests) == seconds


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
        ("Fri, 99 Foo 2026 99:99:99 GMT", None),
        ("1e400", None),
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
