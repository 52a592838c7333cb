"""How alike two records are: what is compared, in which degrees, and what these are learnt from.

Belongs here: Splink's settings. Does not belong here: spelling values alike (people.py) and running Splink
(search.py). Splink is imported where it is used: nobody who only loads definitions needs it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from c360_platform.identity_review.people import KEYS

if TYPE_CHECKING:
    from splink import SettingsCreator
    from splink.internals.comparison_creator import ComparisonCreator

# Two first names that are no two spellings of one: a phone and a place in common then tell of a household.
_OTHER_FIRST_NAME: Final = (
    "coalesce(jaro_winkler_similarity(first_name_l, first_name_r) < 0.8 "
    "and not starts_with(first_name_l, first_name_r) and not starts_with(first_name_r, first_name_l), false)"
)
# The distance is counted only where it can be so small: it costs more than all the rest.
_ONE_SLIP: Final = (
    "(case when abs(length(email_l) - length(email_r)) <= 1 "
    "then damerau_levenshtein(email_l, email_r) <= 1 else false end)"
)
# People of one name have like mailboxes, with a dot here and there: that says no more than the name does.
_SAYS_ONLY_THE_NAME: Final = (
    f"(is_mailbox_of_name_l or is_mailbox_of_name_r) and not (mailbox_l = mailbox_r and {_ONE_SLIP})"
)


@dataclass(frozen=True)
class Compared:
    """A comparison: the columns of which it needs one, and words for its degrees from equal to different."""

    columns: Sequence[str]
    degrees: Sequence[str]


COMPARISONS: Final[Mapping[str, Compared]] = {
    "first_name": Compared(
        ["first_name"],
        ["same first name", "nearly the same first name", "similar first name", "other first name"],
    ),
    "last_name": Compared(
        ["last_name"], ["same last name", "nearly the same last name", "similar last name", "other last name"]
    ),
    "birth_date": Compared(
        ["birth_date"],
        ["same birth date", "birth date but for a slip", "birth date within a year", "other birth date"],
    ),
    "email": Compared(
        ["email"],
        ["same e-mail", "e-mail but for a slip", "same mailbox elsewhere", "similar mailbox", "other e-mail"],
    ),
    "phone": Compared(["phone"], ["same phone", "phone but for a digit", "other phone"]),
    "place": Compared(
        ["postal_code", "city"], ["same postal code", "same city", "similar city", "other place"]
    ),
}
# Of records that agree in these columns many are one person and many are not: such pairs teach what the other
# columns are worth.
LESSONS: Final = (
    *(("email",), ("birth_date",), ("phone",)),
    *(("first_name", "last_name"), ("last_name", "postal_code")),
)


def comparisons_of(filled: Collection[str]) -> list[str]:
    """The comparisons that columns with values allow, in the order of `COMPARISONS`."""
    return [name for name, of in COMPARISONS.items() if not set(of.columns).isdisjoint(filled)]


def settings(filled: Collection[str], *, prior: float) -> SettingsCreator:
    """Splink's settings for columns that have values; `prior`: the share of all pairs that is one person."""
    from splink import SettingsCreator

    made = _comparisons()
    return SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="record_key",
        comparisons=[made[name] for name in comparisons_of(filled)],
        # nobody is compared with himself
        blocking_rules_to_generate_predictions=[
            {
                "blocking_rule": f"l.{key} = r.{key} and l.customer_id <> r.customer_id",
                "sql_dialect": "duckdb",
            }
            for key in KEYS
        ],
        probability_two_random_records_match=prior,
        # weights of what hardly ever occurs would sink for ever, and change nothing by it
        em_convergence=0.001,
        max_iterations=12,
        retain_matching_columns=True,  # and with them the degrees
        additional_columns_to_retain=["customer_id"],
    )


def _comparisons() -> dict[str, ComparisonCreator]:
    """Rare names and places weigh more than common ones."""
    from splink import comparison_level_library as level
    from splink import comparison_library as library

    def custom(name: str, unknown: str, *degrees: object) -> ComparisonCreator:
        nobody_knows = level.CustomLevel(unknown, "unknown").configure(is_null_level=True)
        return library.CustomComparison([nobody_knows, *degrees, level.ElseLevel()], output_column_name=name)

    def name(column: str) -> ComparisonCreator:
        return library.JaroWinklerAtThresholds(column, [0.9, 0.8]).configure(term_frequency_adjustments=True)

    dates = "cast(birth_date_l as varchar), cast(birth_date_r as varchar)"
    return {
        "first_name": name("first_name"),
        "last_name": name("last_name"),
        "birth_date": custom(
            "birth_date",
            "birth_date_l is null or birth_date_r is null",
            level.ExactMatchLevel("birth_date"),
            level.CustomLevel(f"damerau_levenshtein({dates}) <= 1"),
            level.CustomLevel("abs(date_diff('day', birth_date_l, birth_date_r)) <= 366"),
        ),
        "email": custom(
            "email",
            f"email_l is null or email_r is null or ({_SAYS_ONLY_THE_NAME})",
            level.ExactMatchLevel("email", term_frequency_adjustments=True),
            level.CustomLevel(_ONE_SLIP),
            level.ExactMatchLevel("mailbox"),
            level.JaroWinklerLevel("mailbox", 0.88),
        ),
        "phone": custom(
            "phone",
            f"phone_l is null or phone_r is null or {_OTHER_FIRST_NAME}",
            level.ExactMatchLevel("phone"),
            level.LevenshteinLevel("phone", 1),
        ),
        "place": custom(
            "place",
            f"coalesce(postal_code_l = postal_code_r, city_l = city_r) is null or {_OTHER_FIRST_NAME}",
            level.ExactMatchLevel("postal_code", term_frequency_adjustments=True),
            level.ExactMatchLevel("city", term_frequency_adjustments=True),
            level.LevenshteinLevel("city", 2),
        ),
    }
