"""Pages that do not fit: whatever an API sends, every row is read or kept, and nothing of a row is lost."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dlt_pipelines.journal import Journal
from dlt_pipelines.pages import PageDecoder, readable
from dlt_pipelines.records import Record, extra_fields
from dlt_pipelines.tables import NULL, Json

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SCALARS = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | TEXTS
VALUES = st.recursive(
    SCALARS | st.floats(allow_nan=False, allow_infinity=False),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(TEXTS, values, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(["id", "age", "tags", "visits", "url", "new", 'quo"ted', "wäre"])


class Visits(Record):
    """A nested record of another table."""

    count: int | None = None


class Pet(Record):
    """A row."""

    id: int | str
    age: int | None = None
    tags: Json = NULL
    visits: Visits | None = None

    ignored: ClassVar[frozenset[str]] = frozenset({"url"})


class PetPage(msgspec.Struct, rename={"rows": "pets"}):
    """A page."""

    rows: list[Pet]
    end: bool = False


def decoder(journal: Journal) -> PageDecoder[PetPage]:
    return PageDecoder(PetPage, "pets", journal, nested={Visits: "visits"})


def page_of(*pets: Any) -> bytes:
    return json.dumps({"pets": pets, "end": True}).encode()


def kept_of(pet: Pet) -> dict[str, Any]:
    """What `extra_fields` holds of a pet and of its visits."""
    found: dict[str, Any] = {}
    for record in filter(None, (pet, pet.visits)):
        [text] = extra_fields([record])
        found |= json.loads(text) if text else {}
    return found


@settings(max_examples=300)
@given(pages=st.lists(st.lists(st.dictionaries(NAMES, VALUES, max_size=6) | VALUES, max_size=4), max_size=3))
@example(pages=[[{"id": 1, "visits": {"count": "7", "new": 1}}, {"age": 3}, {"id": 2, "age": 2**63}]])
def test_every_row_is_read_or_kept_and_no_value_is_lost(pages: list[list[Any]]) -> None:
    journal = Journal("zoo")
    decode = decoder(journal).decode
    for pets in pages:
        page = decode(page_of(*pets))
        rejected = journal.take_rejected()

        assert page.end
        assert len(page.rows) + len(rejected) == len(pets)
        readable_pets = list(pets)
        for row in rejected:
            readable_pets.remove(json.loads(row.record))
            assert row.reason
        for sent, pet in zip(readable_pets, page.rows, strict=True):
            kept = kept_of(pet)
            for name, value in sent.items():
                if name in kept:
                    assert kept[name] == value
                elif name == "tags":
                    assert json.loads(bytes(pet.tags)) == value
                elif name in ("id", "age"):
                    assert str(getattr(pet, name)) == str(value) or float(getattr(pet, name)) == float(value)
                elif name == "visits":
                    assert value is None or pet.visits is not None
                else:
                    assert name == "url"


def test_new_fields_are_kept_at_full_speed_from_the_second_row_on() -> None:
    lines: list[str] = []
    journal = Journal("zoo", lines.append)
    pages = decoder(journal)

    first = pages.decode(
        page_of({"id": 1, "mood": "good"}, {"id": 2, "mood": {"now": 1}, "visits": {"vet": 3}})
    )
    again = pages.decode(page_of({"id": 3, "mood": None}))

    assert extra_fields(first.rows) == ['{"mood":"good"}', '{"mood":{"now": 1}}']
    assert extra_fields([first.rows[1].visits]) == ['{"vet":3}']
    assert extra_fields(again.rows) == ['{"mood":null}']
    assert journal.unknown == {Pet: {"mood"}, Visits: {"vet"}}
    assert journal.drift() == [
        "pets: new field mood, kept in extra_fields",
        "visits: new field vet, kept in extra_fields",
    ]
    assert lines == [
        "zoo: pets: the new field mood is kept in extra_fields",
        "zoo: visits: the new field vet is kept in extra_fields",
    ]


def test_values_are_converted_where_that_loses_nothing_and_kept_where_it_would() -> None:
    journal = Journal("zoo")

    page = decoder(journal).decode(
        page_of({"id": 1, "age": "7"}, {"id": 2, "age": "seven"}, {"id": 3, "age": 5.0})
    )

    assert [pet.age for pet in page.rows] == [7, None, 5]
    assert extra_fields(page.rows) == [None, '{"age":"seven"}', None]
    assert journal.drift() == ["pets: age changed its type (Expected `int | null`, got `str`)"]
    assert "seven" not in "".join(journal.drift())


def test_rows_without_a_usable_key_are_rejected_with_the_reason_and_their_text() -> None:
    journal = Journal("zoo")

    page = decoder(journal).decode(page_of({"id": 1}, {"age": 3}, {"id": [4]}, "a row", {"id": 5}))

    assert [pet.id for pet in page.rows] == [1, 5]
    assert [(row.table, row.key, row.reason, json.loads(row.record)) for row in journal.take_rejected()] == [
        ("pets", None, "id is missing", {"age": 3}),
        ("pets", None, "id: Expected `int | str`, got `array`", {"id": [4]}),
        ("pets", None, "not an object", "a row"),
    ]
    assert journal.take_rejected() == []


def test_fields_that_stop_coming_are_named_once_they_were_always_there() -> None:
    state: dict[str, Any] = {}

    def load(*pets: Any) -> list[str]:
        journal = Journal("zoo")
        decoder(journal).decode(page_of(*pets))
        journal.compare_fields(("pets",), state)
        return journal.drift()

    assert load({"id": 1, "age": 3, "tags": []}, {"id": 2, "age": 4}) == []
    assert load() == []  # nothing came, so nothing is missing
    assert load({"id": 3, "tags": []}) == ["pets: field age no longer comes"]
    assert load({"id": 3, "tags": []}) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (rb'{"pets":[{"id":"caf\ud83d"}]}', "caf\ufffd"),  # cut in the middle of an emoji
        (rb'{"pets":[{"id":"\udc00\ud83d\ude00"}]}', "\ufffd\U0001f600"),
        (rb'{"pets":[{"id":"C:\\ud800"}]}', "C:\\ud800"),  # no escape, but a path
        (b'{"pets":[{"id":"caf\xe9"}]}', "caf\ufffd"),
        (b'\xef\xbb\xbf{"pets":[{"id":"bom"}]}', "bom"),
    ],
)
def test_broken_characters_cost_themselves_alone(text: bytes, expected: str) -> None:
    [pet] = decoder(Journal("zoo")).decode(text).rows

    assert pet.id == expected


def test_broken_characters_inside_nested_values_are_mended_too() -> None:
    [pet] = decoder(Journal("zoo")).decode(rb'{"pets":[{"id":1,"tags":["a\ud800","b\\\ud800"]}]}').rows

    assert json.loads(bytes(pet.tags)) == ["a\ufffd", "b\\\ufffd"]
    assert readable(b'"plain"') == b'"plain"'


def test_what_is_no_page_is_no_page() -> None:
    pages = decoder(Journal("zoo"))

    with pytest.raises(msgspec.DecodeError):
        pages.decode(b'{"pets":[{"id":1}')
    with pytest.raises(msgspec.DecodeError):
        pages.decode(b"<html>")
    with pytest.raises(msgspec.ValidationError):
        pages.decode(b'{"pets":7}')
