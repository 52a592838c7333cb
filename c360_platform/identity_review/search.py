"""The search: learn from the shop's own records what agreeing is worth, score, keep the probable.

Belongs here: running Splink in an engine of its own, within bounds and repeatably. Does not belong here: its
settings (model.py) and the warehouse (store.py).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from c360_platform.identity_review.model import COMPARISONS, LESSONS, comparisons_of, settings
from c360_platform.identity_review.people import (
    ATTRIBUTES,
    PEOPLE,
    RECORDS,
    Guards,
    load_records,
    make_people,
)

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa
    from splink import Linker

SEED: Final = 7
LEAST_ROWS: Final = 2
LEAST_PAIRS_OF_A_LESSON: Final = 20  # fewer teach accidents


@dataclass(frozen=True)
class Search:
    """How far a search goes. Pairs of at least `min_probability` are proposed; a value that more than
    `most_per_key` rows share brings nobody together; a lesson is learnt from about `sampled_pairs`; what does
    not fit into `memory` goes to disk.
    """

    min_probability: float = 0.5
    most_per_key: int = 50
    sampled_pairs: int = 1_000_000
    memory: str = "1GB"


@dataclass(frozen=True)
class Findings:
    """What a search found: `rows` spellings of people were compared; agreement in the columns of `lessons`
    taught it, and without a lesson it proposes nothing; `proposals` begin with the most probable.

    Their columns: record_key_a, record_key_b, customer_id_a, customer_id_b, probability (0 to 1), agreements,
    differences (in words, empty without one). Two customers are one row, by their most probable records.
    """

    proposals: pa.Table
    rows: int
    lessons: Sequence[str] = ()


def find_probable_duplicates(
    records: Iterable[pa.RecordBatch],
    *,
    decided: Sequence[tuple[str, str]] = (),
    guards: Guards | None = None,
    search: Search | None = None,
) -> Findings:
    """Pairs of customers who may be one person. `records` have the columns `people.COLUMNS`.

    `decided` are pairs of record keys about which people have decided; their customers are not proposed.
    The same records, in any order, give the same findings.
    """
    search = search or Search()
    with _workplace(search) as connection:
        load_records(connection, records)
        rows = make_people(connection, guards or Guards(), most_per_key=search.most_per_key)
        _load_decided(connection, decided)
        filled = _filled(connection)
        lessons = _score(connection, filled, search) if rows >= LEAST_ROWS else []
        if not lessons:
            return Findings(schema().empty_table(), rows)
        proposals = connection.sql(_proposals(comparisons_of(filled))).to_arrow_table()
        return Findings(proposals.cast(schema()), rows, lessons)


def schema() -> pa.Schema:
    """The columns of `Findings.proposals`."""
    import pyarrow as pa

    texts = ("record_key_a", "record_key_b", "customer_id_a", "customer_id_b")
    return pa.schema(
        [
            *((name, pa.string()) for name in texts),
            ("probability", pa.float64()),
            ("agreements", pa.string()),
            ("differences", pa.string()),
        ]
    )


@contextmanager
def _workplace(search: Search) -> Iterator[duckdb.DuckDBPyConnection]:
    """An engine in a directory that nobody else can read, which is gone afterwards. It has one thread: what
    several of them add up differs in the last digits from run to run.
    """
    import duckdb

    with TemporaryDirectory(prefix="c360-review-") as directory:
        config: dict[str, str | bool | int | float | list[str]] = {
            "threads": 1,
            "memory_limit": search.memory,
        }
        connection = duckdb.connect(str(Path(directory) / "review.duckdb"), config=config)
        try:
            yield connection
        finally:
            connection.close()


def _load_decided(connection: duckdb.DuckDBPyConnection, decided: Sequence[tuple[str, str]]) -> None:
    """Make the table `decided` of the customers, both ways, to whom the records belong."""
    import pyarrow as pa

    of_type = pa.list_(pa.string(), 2)
    pairs = pa.table({"pair": pa.array([list(pair) for pair in decided], of_type)})
    connection.register("decided_pairs", pairs)
    connection.execute(
        "create table decided as "
        "select records_a.customer_id as customer_id_l, records_b.customer_id as customer_id_r "
        "from (select pair[1] as a, pair[2] as b from decided_pairs "
        "union select pair[2], pair[1] from decided_pairs) as pairs "
        f"inner join {RECORDS} as records_a on pairs.a = records_a.record_key "
        f"inner join {RECORDS} as records_b on pairs.b = records_b.record_key"
    )
    connection.unregister("decided_pairs")


def _filled(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """The attributes that somebody has."""
    counted = ", ".join(f"count({name})" for name in ATTRIBUTES)
    [counts] = connection.execute(f"select {counted} from {PEOPLE}").fetchall()
    return {name for name, count in zip(ATTRIBUTES, counts, strict=True) if count}


def _score(connection: duckdb.DuckDBPyConnection, filled: set[str], search: Search) -> list[str]:
    """Make the table `scored` of pairs that are probable enough, unless nothing teaches it; the lessons."""
    logging.getLogger("splink").setLevel(logging.CRITICAL)
    lessons: list[Sequence[str]] = [
        columns for columns in LESSONS if _pairs(connection, columns) >= LEAST_PAIRS_OF_A_LESSON
    ]
    linker = _taught(connection, filled, lessons, search)
    if not lessons:
        return []
    predicted = linker.inference.predict(
        threshold_match_probability=search.min_probability, warning_mode="never"
    )
    connection.execute(f"create table scored as select * from {predicted.physical_name}")
    return ["+".join(columns) for columns in lessons]


def _taught(
    connection: duckdb.DuckDBPyConnection, filled: set[str], lessons: list[Sequence[str]], search: Search
) -> Linker:
    """Splink after its lessons. One that it fails in is taken out of `lessons`, and it begins anew: then some
    degree occurs in no pair of one person, and would speak against one without end.
    """
    from splink import DuckDBAPI, Linker, block_on

    model = settings(filled, prior=_prior(connection))
    while True:
        linker = Linker(DuckDBAPI(connection).register(PEOPLE), model, log_level=None)
        linker.training.estimate_u_using_random_sampling(
            max_pairs=search.sampled_pairs, seed=SEED, min_count_per_level=None, num_chunks=1
        )
        for columns in lessons:
            try:
                linker.training.estimate_parameters_using_expectation_maximisation(
                    block_on(*columns), max_pairs=search.sampled_pairs
                )
            except ValueError:
                lessons.remove(columns)
                break
        else:
            return linker


def _pairs(connection: duckdb.DuckDBPyConnection, columns: Sequence[str]) -> int:
    """Pairs of rows that agree in all the columns."""
    known = " and ".join(f"{column} is not null" for column in columns)
    [(pairs,)] = connection.execute(
        "select coalesce(sum(rows * (rows - 1) / 2), 0) from (select count(*) as rows "
        f"from {PEOPLE} where {known} group by {', '.join(columns)})"
    ).fetchall()
    return int(pairs)


def _prior(connection: duckdb.DuckDBPyConnection) -> float:
    """The chance that any two rows are one person: the share of all pairs that the rules have joined."""
    [(joined, rows)] = connection.execute(
        "select coalesce(sum(rows * (rows - 1) / 2), 0), coalesce(sum(rows), 0) "
        f"from (select count(*) as rows from {PEOPLE} group by customer_id)"
    ).fetchall()
    return float(max(joined, 1) / max(rows * (rows - 1) / 2, 2))


def _proposals(compared: Sequence[str]) -> str:
    """The best pair of rows of every pair of customers, with its degrees in words."""
    agreements, differences = [], []
    for name in compared:
        *alike, different = COMPARISONS[name].degrees
        degrees = " ".join(f"when {len(alike) - place} then '{words}'" for place, words in enumerate(alike))
        agreements.append(f"case gamma_{name} {degrees} end")
        differences.append(f"case gamma_{name} when 0 then '{different}' end")
    return f"""
        select
            record_key_l as record_key_a,
            record_key_r as record_key_b,
            customer_id_l as customer_id_a,
            customer_id_r as customer_id_b,
            round(match_probability, 4) as probability,
            concat_ws(', ', {", ".join(agreements)}) as agreements,
            concat_ws(', ', {", ".join(differences)}) as differences
        from scored
        anti join decided using (customer_id_l, customer_id_r)
        qualify row_number() over (
            partition by least(customer_id_l, customer_id_r), greatest(customer_id_l, customer_id_r)
            order by match_probability desc, record_key_l, record_key_r
        ) = 1
        order by match_probability desc, record_key_l, record_key_r
    """
