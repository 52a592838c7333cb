"""Records as they are compared: one row per customer and spelling, with the keys that bring rows together.

Belongs here: spelling values alike, in the engine that does the search. Does not belong here: where records
come from (store.py), and how alike two of them are (model.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

RECORDS: Final = "records"
PEOPLE: Final = "people"
ATTRIBUTES: Final = ("email", "phone", "first_name", "last_name", "postal_code", "city", "birth_date")
COLUMNS: Final = ("record_key", "customer_id", *ATTRIBUTES)
# Only rows that share one of these are compared: whoever shares none with anybody is not found. In a small
# shop a first name is enough to be compared; in a large one it is too common, and the narrower keys remain.
_KEYS: Final[Mapping[str, str]] = {
    "names_key": "least(first_name, last_name) || ' ' || greatest(first_name, last_name)",
    "phone_key": "phone",
    "mailbox_key": "mailbox",
    "mailbox_start_key": "left(mailbox, 5)",
    "birth_date_key": "cast(birth_date as varchar)",
    "last_name_key": "last_name",
    "first_name_key": "first_name",
    "last_name_birth_date_key": "last_name || ' ' || cast(birth_date as varchar)",
    "first_name_birth_date_key": "first_name || ' ' || cast(birth_date as varchar)",
    "last_name_postal_code_key": "last_name || ' ' || postal_code",
    "first_name_postal_code_key": "first_name || ' ' || postal_code",
    "last_name_city_key": "last_name || ' ' || city",
    "first_name_city_key": "first_name || ' ' || city",
}
KEYS: Final = tuple(_KEYS)
# As the dbt models compare names: umlauts as they are written without them, letters alone.
_SPELLING: Final = """
create temp macro spelled(written) as strip_accents(replace(replace(replace(replace(replace(replace(replace(
    lower(nfc_normalize(written)),
    'ä', 'ae'), 'ö', 'oe'), 'ü', 'ue'), 'ß', 'ss'), 'ø', 'oe'), 'æ', 'ae'), '\u0131', 'i'));
create temp macro letters(written) as nullif(regexp_replace(spelled(written), '[^\\p{L}]', '', 'g'), '');
create temp macro letters_and_digits(written) as regexp_replace(spelled(written), '[^\\p{L}0-9]', '', 'g');
"""


@dataclass(frozen=True)
class Guards:
    """Values that are nobody's, as dbt's seeds name them; they count as missing. Names are in lower case."""

    names: Sequence[str] = ()
    birth_dates: Sequence[date] = ()
    mailboxes: Sequence[str] = ()


def load_records(connection: duckdb.DuckDBPyConnection, batches: Iterable[pa.RecordBatch]) -> None:
    """Make the table `RECORDS` of batches with the columns `COLUMNS`."""
    types = ", ".join(f"{name} {'date' if name == 'birth_date' else 'varchar'}" for name in COLUMNS)
    connection.execute(f"create table {RECORDS} ({types})")
    for batch in batches:
        connection.register("arrived", batch)
        connection.execute(f"insert into {RECORDS} select {', '.join(COLUMNS)} from arrived")
        connection.unregister("arrived")


def make_people(connection: duckdb.DuckDBPyConnection, guards: Guards, *, most_per_key: int) -> int:
    """Make the table `PEOPLE` of `RECORDS`, with `COLUMNS`, `KEYS` and what is compared; its number of rows.

    What a customer's records say several times in the same words is one row, that of the smallest key. A key
    that more than `most_per_key` rows share is null: it says little, and the pairs it makes have no bound.
    """
    connection.execute(_SPELLING)
    nobodys = [list(guards.names), list(guards.birth_dates), list(guards.mailboxes)]
    connection.execute(_people(), [*nobodys, most_per_key])
    [(rows,)] = connection.execute(f"select count(*) from {PEOPLE}").fetchall()
    return int(rows)


def _people() -> str:
    """The statement. Rows are sorted because sums in another order differ in their last digits."""
    attributes = ", ".join(ATTRIBUTES)
    keys = ",\n        ".join(f"{made_of} as {key}" for key, made_of in _KEYS.items())
    rare_keys = ",\n    ".join(
        f"case when {key} not in (select {key} from keyed where {key} is not null group by {key} "
        f"having count(*) > $4) then {key} end as {key}"
        for key in KEYS
    )
    return f"""
create table {PEOPLE} as
with spelled_alike as (
    select
        record_key,
        customer_id,
        regexp_replace(lower(trim(email)), '\\+[^@]*@', '@') as email,
        nullif(trim(phone), '') as phone,
        letters(first_name) as first_name,
        letters(last_name) as last_name,
        nullif(upper(replace(postal_code, ' ', '')), '') as postal_code,
        letters(city) as city,
        birth_date
    from {RECORDS}
),

somebodys as (
    select
        record_key,
        customer_id,
        case
            when split_part(email, '@', 1) not in (select unnest(cast($3 as varchar[]))) then email
        end as email,
        phone,
        case when first_name not in (select unnest(cast($1 as varchar[]))) then first_name end as first_name,
        case when last_name not in (select unnest(cast($1 as varchar[]))) then last_name end as last_name,
        postal_code,
        city,
        case when birth_date not in (select unnest(cast($2 as date[]))) then birth_date end as birth_date
    from spelled_alike
),

distinct_rows as (
    select
        min(record_key) as record_key,
        customer_id,
        {attributes},
        nullif(split_part(email, '@', 1), '') as mailbox
    from somebodys
    where coalesce(email, phone, first_name, last_name, cast(birth_date as varchar)) is not null
    group by all
),

keyed as materialized (
    select
        *,
        -- nothing, or an initial, remains of the mailbox without the names
        length(replace(
            replace(letters_and_digits(mailbox), coalesce(last_name, ''), ''), coalesce(first_name, ''), ''
        )) < 2 as is_mailbox_of_name,
        {keys}
    from distinct_rows
)

select
    record_key,
    customer_id,
    {attributes},
    mailbox,
    coalesce(is_mailbox_of_name, false) as is_mailbox_of_name,
    {rare_keys}
from keyed
order by record_key
"""
