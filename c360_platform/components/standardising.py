"""Rows of any table into a standard form, and what does not fit into a table of its own with the reason.

Belongs here: the statements and what is counted. Does not belong here: the forms (standards.py) and Dagster
(standardisers.py). Every row that comes in comes out once: as a row of the form, or as a rejected one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from c360_platform.components.columns import Types, as_text, can_fail, find, literal, read
from c360_platform.components.errors import ComponentError
from c360_platform.components.standards import Standard, StandardColumn
from c360_platform.components.workspace import Workspace

# Rows are kept as they came until it is known who is rejected: a stream can be read once.
_RAW: Final = "create table raw as select * from incoming"
_JUDGED: Final = """
create table judged as
with typed as (
    select rowid as row_number, {columns}, {found}
    from raw
)
select
    row_number, {names},
    case {problems} end as column_name,
    case {reasons} end as reason,
from typed
"""
_RANKED: Final = """
create table ranked as
select
    *,
    if({may_repeat}, row_number() over (
        partition by reason, {dedupe_key} order by {newest_by} {names}
    ), 1) as place,
from judged
"""
_STANDARD: Final = "create table standard as select {names} from ranked where reason is null and place = 1"
_REJECTED: Final = """
create table rejected as
select coalesce(ranked.reason, 'duplicate') as reason, ranked.column_name, to_json(raw)::varchar as record,
from ranked
inner join raw on ranked.row_number = raw.rowid
where ranked.reason is not null or ranked.place > 1
"""


@dataclass(frozen=True, slots=True)
class StandardReport:
    """What became of the rows; `rejected` counts by reason and column. Holds no value of any row."""

    rows: int
    accepted: int
    duplicates: int
    rejected: Mapping[str, int]
    absent_columns: tuple[str, ...]

    @property
    def rejected_rows(self) -> int:
        """Without duplicates, which are rejected for the sake of their twin."""
        return sum(self.rejected.values())


def standardise(
    space: Workspace,
    standard: Standard,
    value: object,
    *,
    columns: Mapping[str, str] | None = None,
    dedupe_key: Sequence[str] = (),
    newest_by: str | None = None,
) -> StandardReport:
    """Write tables `standard` and `rejected` of the workspace from an upstream value.

    `columns` maps names of the form to references into the upstream table (columns.py). Raises
    `ComponentError` for a required or mapped column that is not there.
    """
    types = space.attach("incoming", value)
    try:
        found = _locate(standard, types, columns or {})
        space.run(_RAW)
    finally:
        space.detach("incoming")
    for statement in _statements(
        standard, found, dedupe_key or standard.dedupe_key, newest_by or standard.newest_by
    ):
        space.run(statement)
    rows, accepted = (space.number(f"select count(*) from {table}") for table in ("raw", "standard"))
    rejected = space.rows(
        "select reason, column_name, count(*) from rejected group by reason, column_name order by all"
    )
    return StandardReport(
        rows=rows,
        accepted=accepted,
        duplicates=sum(count for reason, _, count in rejected if reason == "duplicate"),
        rejected={f"{column} {reason}": count for reason, column, count in rejected if reason != "duplicate"},
        absent_columns=tuple(name for name in standard.names if name not in found),
    )


def _locate(standard: Standard, types: Types, columns: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    for column in standard.columns:
        mapped = columns.get(column.name)
        references = (mapped,) if mapped is not None else (column.name, *column.aliases)
        match = next((hit for hit in (find(one, types) for one in references) if hit is not None), None)
        if match is not None:
            found[column.name] = match
        elif column.required or mapped is not None:
            raise ComponentError(
                f"column {references[0]} for {column.name} is not there; its columns are "
                f"{', '.join(sorted(types))}: map it under `columns`"
            )
    return found


def _statements(
    standard: Standard,
    found: Mapping[str, tuple[str, str]],
    dedupe_key: Sequence[str],
    newest_by: str | None,
) -> list[str]:
    names = ", ".join(standard.names)
    problems: list[tuple[str, str, str]] = []  # condition, column, reason
    for column in standard.columns:
        if column.name in found and (can_fail(found[column.name][1], "number") and column.form in _FALLIBLE):
            problems.append((f"{column.name} is null and has_{column.name}", column.name, "unreadable"))
        if column.required:
            problems.append((f"{column.name} is null", column.name, "missing"))
    return [
        _JUDGED.format(
            columns=", ".join(_value(column, found.get(column.name)) for column in standard.columns),
            found=", ".join(
                f"{as_text(*found[name])} is not null as has_{name}"
                for name in standard.names
                if name in found
            )
            or "true as has_nothing",
            names=names,
            problems=_cases(problems, 1),
            reasons=_cases(problems, 2),
        ),
        _RANKED.format(
            may_repeat=" and ".join(["reason is null", *(f"{key} is not null" for key in dedupe_key)]),
            dedupe_key=", ".join(dedupe_key or standard.names),
            newest_by=f"{newest_by} desc nulls last, " if newest_by is not None else "",
            names=names,
        ),
        _STANDARD.format(names=names),
        _REJECTED,
    ]


_FALLIBLE: Final = ("time", "number", "truth")


def _cases(problems: Sequence[tuple[str, str, str]], place: int) -> str:
    told = " ".join(f"when {problem[0]} then {literal(problem[place])}" for problem in problems)
    return told or "when false then ''"


def _value(column: StandardColumn, found: tuple[str, str] | None) -> str:
    kind = column.output.type
    if found is None:
        return f"cast(null as {kind}) as {column.name}"
    text = as_text(*found)
    values = {
        "email": f"lower(nfc_normalize({text}))",
        "code": f"upper({text})",
        "truth": f"case when lower({text}) in ('yes', 'y', 'on') then true "
        f"when lower({text}) in ('no', 'n', 'off') then false else try_cast({text} as boolean) end",
        "text": text,
    }
    if column.form == "time" or column.form == "number":  # noqa: PLR1714  (mypy reads it)
        return f"try_cast({read(*found, column.form)} as {kind}) as {column.name}"
    return f"{values[column.form]} as {column.name}"
