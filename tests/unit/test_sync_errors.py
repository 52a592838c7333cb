"""What may leave the engine in a message: Klaviyo's words without anybody's address or number."""

from __future__ import annotations

import pytest

from c360_platform.activation.errors import KlaviyoError, KlaviyoUnauthorized, without_personal_data
from c360_platform.activation.transport.answers import api_problem
from c360_platform.activation.transport.client import Klaviyo
from c360_platform.activation.transport.connection import Connection


@pytest.mark.parametrize(
    "text",
    [
        "Invalid email address: ann.o'neil+x@shop.example",
        "'ann@shop.example' is not valid",
        '{"email":"ann@shop.example"}',
        "ann@shop.example,bob@shop.example",
        "Phone +49 170 1234567 is not supported",
        "phone=+491701234567.",
        "mailto:ann@shop.example",
    ],
)
def test_addresses_and_numbers_are_masked(text: str) -> None:
    masked = without_personal_data(text)

    for secret in ("ann", "bob", "shop.example", "1701234567", "170 1234567"):
        assert secret not in masked
    assert "<" in masked


def test_words_without_personal_data_stay() -> None:
    text = "List ID XyZ123 does not exist. Request was throttled. Expected available in 1 second."
    assert without_personal_data(text) == text


def test_a_problem_with_missing_parts_is_still_one() -> None:
    problem = api_problem({"code": None, "title": "Invalid input.", "source": None})
    assert (problem.code, problem.detail, problem.pointer) == ("unknown", "Invalid input.", "")


def test_the_key_is_in_no_representation_and_no_error() -> None:
    key = "pk_demo_very_secret"
    assert key not in repr(Klaviyo(key, "https://a.klaviyo.com"))
    assert key not in repr(vars(Connection(key, "https://a.klaviyo.com")))
    with pytest.raises(KlaviyoUnauthorized) as caught:
        Klaviyo(key + " ", "https://a.klaviyo.com")
    assert key not in str(caught.value)


def test_a_real_key_is_never_sent_in_clear_text() -> None:
    with pytest.raises(KlaviyoError, match="not https"):
        Klaviyo("pk_0123456789", "http://klaviyo.example")
    Klaviyo("pk_0123456789", "http://127.0.0.1:8377")
