"""One row per customer from any subset of the kinds of sources: the order of the steps, and what is said.

Belongs here: reading sources one after the other, what is an error, counting for the report. Does not belong
here: SQL (the `_sql` modules), Dagster (component.py), the warehouse (storage.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from c360_platform.components import identity_sql, profile_sql, staging_sql
from c360_platform.components.columns import Types, find
from c360_platform.components.contract import Key
from c360_platform.components.errors import ComponentError
from c360_platform.components.plan import Plan, Source
from c360_platform.components.workspace import Workspace

Load = Callable[[], object | None]
"""Gives the upstream value, or None when there is none."""


@dataclass(frozen=True, slots=True)
class SourceReport:
    """What became of one source; all counts are of its rows."""

    name: str
    kind: str
    missing: bool = False
    absent_columns: tuple[str, ...] = ()
    rows: int = 0
    late_rows: int = 0
    foreign_rows: int = 0
    unpaid_rows: int = 0
    repeated_payments: int = 0
    unreadable_times: int = 0
    without_key: int = 0
    customers: int = 0
    matched: Mapping[Key, int] = field(default_factory=dict)

    @property
    def counted(self) -> int:
        """Rows that were there on the day, each payment once."""
        return self.rows - self.late_rows - self.repeated_payments

    @property
    def with_key(self) -> int:
        """Rows of these that say whose they are."""
        return self.counted - self.without_key

    @property
    def match_rate(self) -> float | None:
        """Share of these whose customer another source knows too; None without any."""
        return sum(self.matched.values()) / self.counted if self.counted else None


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a run, in numbers. Holds no value of any row."""

    customers: int
    active: int
    merged_identities: int
    ambiguous: Mapping[Key, int]
    shared_values: Mapping[Key, int]
    sources: tuple[SourceReport, ...]

    @property
    def is_empty(self) -> bool:
        return self.customers == 0


def build_profiles(
    space: Workspace, plan: Plan, sources: Sequence[tuple[Source, Load]], *, allow_empty: bool = False
) -> Report:
    """Write table `profiles` of the workspace, in the columns and types of `contract.PROFILE`.

    Each source is loaded, read once and let go of before the next. Raises `ComponentError` when a source, a
    column or all customers are missing and nobody said that this may be.
    """
    staged = [_stage(space, plan, number, source, load) for number, (source, load) in enumerate(sources)]
    space.run(
        staging_sql.records(plan, [number for number, (report, _) in enumerate(staged) if not report.missing])
    )
    _require_keys(plan, staged)
    ambiguous, shared = _resolve(space, plan)
    space.run(profile_sql.totals(plan))
    space.run(identity_sql.customers(plan))
    reports = _matched(space, plan, [report for report, _ in staged])
    merged = space.number(identity_sql.MERGED.format(keys=", ".join(plan.keys)))
    present = [report.kind for report in reports if not report.missing]
    for statement in profile_sql.statements(
        plan, len(sources), has_payments="stripe" in present, has_visits="ga4" in present
    ):
        space.run(statement)
    customers, active = space.rows("select count(*), count(*) filter (is_active) from profiles")[0]
    report = Report(customers, active, merged, ambiguous, shared, tuple(reports))
    if report.is_empty and not allow_empty:
        told = ", ".join(
            f"{one.name} {one.rows:,} rows, {one.with_key:,} with a key" for one in report.sources
        )
        raise ComponentError(
            f"no customer came out ({told}): check the mapping of {', '.join(plan.keys)}, and as_of "
            f"{plan.as_of}; set `allow_empty: true` if this is meant"
        )
    return report


def _stage(
    space: Workspace, plan: Plan, number: int, source: Source, load: Load
) -> tuple[SourceReport, frozenset[str]]:
    """A source in `records`; with the names of the columns that it has."""
    value = load()
    if value is None:
        if not source.optional:
            raise ComponentError(
                f"source {source.name} is missing: materialize it, load it, or set `optional: true`"
            )
        return SourceReport(source.name, source.kind, missing=True), frozenset()
    try:
        types = space.attach(staging_sql.INCOMING, value)
        found = locate(source, types, plan)
        report = _read(space, plan, number, source, found)
    except ComponentError as error:
        raise ComponentError(f"source {source.name}: {error}") from None
    finally:
        space.detach(staging_sql.INCOMING)
    if report.rows == 0:
        if not source.optional:
            raise ComponentError(
                f"source {source.name} has no rows: check what fills it, or set `optional: true`"
            )
        return SourceReport(source.name, source.kind, missing=True), frozenset()
    return report, frozenset(found)


def locate(source: Source, types: Types, plan: Plan) -> dict[str, tuple[str, str]]:
    """Columns of the contract that an upstream table has, with expression and type.

    Raises `ComponentError` for a required or mapped column that it has not, and when it has none of the keys.
    """
    found: dict[str, tuple[str, str]] = {}
    for column in source.contract.columns:
        references = source.references(column.name)
        match = next((hit for hit in (find(one, types) for one in references) if hit is not None), None)
        if match is not None:
            found[column.name] = match
        elif (
            column.required or column.name in source.columns
        ) and column.name not in source.optional_columns:
            raise ComponentError(
                f"column {references[0]} for {column.name} is not there; its columns are {_listed(types)}: "
                f"map it under `columns`, or name it in `optional_columns`"
            )
    for group in source.contract.one_of:
        if not set(group) & (found.keys() | source.optional_columns):
            raise ComponentError(f"none of {' and '.join(group)} is there: map one under `columns`")
    if not any(key in found for key in plan.keys):
        raise ComponentError(
            f"none of the join keys {', '.join(plan.keys)} is there; its columns are {_listed(types)}: "
            "map one under `columns`"
        )
    return found


def _read(
    space: Workspace, plan: Plan, number: int, source: Source, found: Mapping[str, tuple[str, str]]
) -> SourceReport:
    repeated = 0
    if source.kind == "stripe":
        space.run(staging_sql.payments(source, plan, found))
        rows, repeated, unreadable, currencies = space.rows(staging_sql.PAYMENT_COUNTS)[0]
        if unreadable:
            raise ComponentError(
                f"{unreadable:,} of {rows:,} amounts are no numbers: standardise the column first, or map "
                "another one"
            )
        if currencies > 1 and plan.currency is None:
            raise ComponentError(
                f"its payments are in {currencies} currencies, which cannot be summed: set `currency` to the "
                "one that counts"
            )
        if repeated:
            space.run(staging_sql.one_per_payment(found))
    space.run(staging_sql.records_of(number, source, plan, found))
    rows, *counts, forgotten = space.rows(staging_sql.RECORD_COUNTS.format(number=number))[0]
    late, foreign, unpaid, unreadable_times, _ = counts
    if forgotten:
        space.run(staging_sql.FORGET_LATE.format(number=number))
    space.run("drop table if exists payments")
    return SourceReport(
        source.name,
        source.kind,
        absent_columns=tuple(column.name for column in source.contract.columns if column.name not in found),
        rows=rows + late + repeated,
        late_rows=late,
        foreign_rows=foreign,
        unpaid_rows=unpaid,
        repeated_payments=repeated,
        unreadable_times=unreadable_times,
    )


def _require_keys(plan: Plan, staged: Sequence[tuple[SourceReport, frozenset[str]]]) -> None:
    if all(report.missing for report, _ in staged):
        return  # an empty result, which has a message of its own
    for key in plan.keys:
        if not any(key in columns for _, columns in staged):
            raise ComponentError(
                f"join key {key} is in none of the sources: map it under `columns`, or take it out"
            )


def _resolve(space: Workspace, plan: Plan) -> tuple[dict[Key, int], dict[Key, int]]:
    """Table `entities` with the customer of each; counts of ambiguous matches and of shared values by key."""
    ambiguous: dict[Key, int] = {}
    shared: dict[Key, int] = {}
    space.run(identity_sql.groups(plan))
    space.run(identity_sql.entities(plan))
    space.run("drop table groups")
    for key in plan.secondary_join_keys:
        space.run(identity_sql.SHARED.format(key=key, join_key=plan.join_key, limit=plan.shared_key_limit))
        shared[key] = space.number("select count(*) from shared")
        if shared[key]:
            space.run(identity_sql.FORGET_SHARED.format(key=key))
    for number, key in enumerate(plan.secondary_join_keys, start=2):
        space.run(identity_sql.LINKS.format(key=key))
        _connect(space)
        space.run(identity_sql.TARGETS.format(join_key=plan.join_key))
        ambiguous[key] = space.number(identity_sql.AMBIGUOUS)
        space.run(identity_sql.JOIN_NEXT.format(number=number, join_key=plan.join_key))
        space.run(
            "drop table links; drop table hooks; drop table targets; drop table moves; drop table joined"
        )
    return ambiguous, shared


def _connect(space: Workspace) -> None:
    """Give everybody in `links` who looks for a match the label of the whole group."""
    while True:
        space.run(identity_sql.HOOK)
        if not space.number(identity_sql.UNFINISHED):
            return
        for _ in range(identity_sql.COMPRESSIONS):
            if not space.number(identity_sql.CHAINED):
                break
            space.run(identity_sql.COMPRESS)
        space.run(identity_sql.RELABEL)


def _matched(space: Workspace, plan: Plan, staged: Sequence[SourceReport]) -> list[SourceReport]:
    """The reports with what is known once it is decided who is who."""
    keys = ", ".join(f"entities.{key}" for key in plan.keys)
    rows = space.rows(profile_sql.ROWS_BY_KEY.format(keys=keys))
    known = dict(space.rows(profile_sql.CUSTOMERS_BY_SOURCE.format(sources=len(staged))))
    reports = []
    for number, one in enumerate(staged):
        own = {place: count for source, place, count in rows if source == number}
        matched = {key: own.get(place, 0) for place, key in enumerate(plan.keys, start=1)}
        without = one.counted - sum(own.values())
        reports.append(replace(one, without_key=without, matched=matched, customers=known.get(number, 0)))
    return reports


def _listed(types: Types) -> str:
    names = sorted(types)
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
