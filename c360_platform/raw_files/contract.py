"""The raw contract: which tables and columns the platform reads, as the dbt source files declare them.

Belongs here: reading `models/staging/<source>/_<source>__sources.yml` into typed values, and finding the
declared table or column behind a name that a loader or a spreadsheet gave it. Does not belong here:
files, warehouses, SQL.

The YAML stays the only place where raw shapes are declared. dbt reads `columns[].name` and `data_type`;
the rest lives in `config.meta`: `required`, `aliases` (names other loaders use), `key`, `updated_at`,
`partition_by` (the column by whose day BigQuery should cut a table: incremental models filter on it) and
`loader` of a source.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, cast, get_args

import yaml

DataType = Literal["string", "int64", "numeric", "float64", "bool", "timestamp", "date", "json"]

_SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast where libyaml is there
_DATA_TYPES: frozenset[str] = frozenset(get_args(DataType))
_IDENTIFIER = re.compile(r"(^|_)(id|number|reference)$")
_PERSONAL_WORDS = frozenset(
    (
        *("email", "mail", "phone", "mobile", "name", "company", "birth", "birthday", "ip", "iban"),
        *("address", "street", "zip", "postal", "postcode", "city", "location", "geo"),
        *("comment", "note", "description", "subject", "remark", "properties", "fields"),
    )
)
_NOT_PERSONAL = frozenset({"event_name", "metric_name", "product_name", "source_name"})


class ContractError(ValueError):
    """A source file that cannot be used; the message names the file and the table or column."""


def match_key(name: str) -> str:
    """What two spellings of one name have in common: letters and digits, lower case.

    `Order ID`, `orderId`, `ORDER_ID` and `order__id` are one name; so are `_fivetran_deleted` with and
    without its leading underscore.
    """
    return re.sub(r"[^0-9a-z]", "", name.lower())


@dataclass(frozen=True, slots=True)
class RawColumn:
    """One declared column. `aliases` are in order of preference."""

    name: str
    data_type: DataType
    required: bool = False
    aliases: tuple[str, ...] = ()
    in_key: bool = False

    @property
    def is_identifier(self) -> bool:
        """Text that names something, where spreadsheets and data frames like to make a number of it."""
        return self.data_type == "string" and (self.in_key or _IDENTIFIER.search(self.name) is not None)

    @property
    def is_personal(self) -> bool:
        """Whether a value may tell who somebody is; such values never appear in a message."""
        return self.name not in _NOT_PERSONAL and not _PERSONAL_WORDS.isdisjoint(self.name.split("_"))


@dataclass(frozen=True)
class RawTable:
    """One declared table. `key` is the grain (empty when rows have no identity of their own)."""

    source: str
    name: str
    columns: tuple[RawColumn, ...]
    key: tuple[str, ...] = ()
    updated_at: str | None = None
    required: bool = False
    aliases: tuple[str, ...] = ()

    @cached_property
    def columns_by_name(self) -> Mapping[str, RawColumn]:
        return {column.name: column for column in self.columns}

    def match_columns(self, found: Iterable[str]) -> dict[str, int]:
        """Declared column name -> position in `found`.

        The declared name wins over its aliases, an earlier alias over a later one, an earlier position over a
        later one of the same name. A position serves one declared column only.
        """
        positions: dict[str, int] = {}
        for position, name in enumerate(found):
            positions.setdefault(match_key(name), position)
        matched: dict[str, int] = {}
        for column in self.columns:
            if match_key(column.name) in positions:
                matched[column.name] = positions.pop(match_key(column.name))
        for column in self.columns:
            known = [key for key in map(match_key, column.aliases) if key in positions]
            if known and column.name not in matched:
                matched[column.name] = positions.pop(known[0])
        return matched


@dataclass(frozen=True)
class RawSource:
    """One declared source. `schema` is where its tables are in the warehouse; `loader` is `dlt` or
    `warehouse`.
    """

    name: str
    schema: str
    tables: tuple[RawTable, ...]
    loader: str = "warehouse"
    aliases: tuple[str, ...] = ()

    @cached_property
    def _tables_by_key(self) -> Mapping[str, RawTable]:
        found: dict[str, RawTable] = {}
        for table in self.tables:  # exact names first: an alias never takes another table's name
            found.setdefault(match_key(table.name), table)
        for table in self.tables:
            for alias in table.aliases:
                found.setdefault(match_key(alias), table)
        for key, table in tuple(found.items()):
            for prefix in ("", "raw", *map(match_key, (self.name, *self.aliases))):
                for suffix in ("", "data"):
                    found.setdefault(f"{prefix}{key}{suffix}", table)
        return found

    def table(self, name: str) -> RawTable | None:
        """The table behind a name: its own, an alias, or one of them as `raw_…`, `<source>_…`, `…_data`."""
        return self._tables_by_key.get(match_key(name))


@dataclass(frozen=True)
class RawContract:
    """All declared sources, by name."""

    sources: tuple[RawSource, ...]

    def source(self, name: str) -> RawSource | None:
        """The source behind a name: its own, an alias, or one of them as `raw_…`, in any case."""
        wanted = match_key(name)
        for spelling in (wanted, wanted.removeprefix("raw")):
            for source in self.sources:
                if spelling in {match_key(name) for name in (source.name, *source.aliases)}:
                    return source
        return None


def load_contract(dbt_project_dir: Path) -> RawContract:
    """Read every source file of a dbt project.

    Raises `ContractError` when the project has none or one of them cannot be used.
    """
    staging = dbt_project_dir / "models" / "staging"
    files = sorted(staging.glob("*/_*__sources.yml"))
    if not files:
        raise ContractError(f"no source files in {staging}: expected <source>/_<source>__sources.yml")
    schemas = _raw_schemas(dbt_project_dir)
    return RawContract(tuple(source for file in files for source in _read_sources(file, schemas)))


def _raw_schemas(dbt_project_dir: Path) -> Mapping[str, str]:
    """The `raw_schemas` var: schemas that are named differently from their source."""
    project = _read_yaml(dbt_project_dir / "dbt_project.yml")
    variables = project.get("vars") or {}
    own = variables.get(project.get("name")) or {}
    return own.get("raw_schemas") or variables.get("raw_schemas") or {}


def _read_sources(file: Path, schemas: Mapping[str, str]) -> list[RawSource]:
    sources = []
    for entry in _read_yaml(file).get("sources") or []:
        name, meta = entry["name"], _meta(entry)
        sources.append(
            RawSource(
                name=name,
                schema=schemas.get(name, name),
                tables=tuple(_read_table(file, name, table) for table in entry.get("tables") or []),
                loader=meta.get("loader", "warehouse"),
                aliases=tuple(meta.get("aliases") or ()),
            )
        )
    return sources


def _read_table(file: Path, source: str, entry: Mapping[str, Any]) -> RawTable:
    name, meta = entry["name"], _meta(entry)
    key = tuple(meta.get("key") or ())
    columns = tuple(_read_column(file, name, key, column) for column in entry.get("columns") or [])
    unknown = [column for column in key if column not in {column.name for column in columns}]
    if unknown:
        raise ContractError(f"{file}: table {name}: key column {unknown[0]} is not declared")
    return RawTable(
        source=source,
        name=name,
        columns=columns,
        key=key,
        updated_at=meta.get("updated_at"),
        required=bool(meta.get("required")),
        aliases=tuple(meta.get("aliases") or ()),
    )


def _read_column(file: Path, table: str, key: tuple[str, ...], entry: Mapping[str, Any]) -> RawColumn:
    name, meta, data_type = entry["name"], _meta(entry), str(entry.get("data_type", "")).lower()
    if data_type not in _DATA_TYPES:
        expected = ", ".join(sorted(_DATA_TYPES))
        raise ContractError(f"{file}: {table}.{name}: data_type {data_type!r} is not one of {expected}")
    return RawColumn(
        name=name,
        data_type=cast(DataType, data_type),
        required=bool(meta.get("required")),
        aliases=tuple(meta.get("aliases") or ()),
        in_key=name in key,
    )


def _meta(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    return (entry.get("config") or {}).get("meta") or {}


def _read_yaml(file: Path) -> Mapping[str, Any]:
    try:
        content = yaml.load(file.read_text(encoding="utf-8"), _SafeLoader)  # noqa: S506
    except (OSError, yaml.YAMLError) as error:
        raise ContractError(f"{file} cannot be read as YAML: {error}") from error
    return content if isinstance(content, Mapping) else {}
