"""What a sync is: a dbt model tagged `klaviyo_sync` with a `meta.klaviyo` block, checked before any run.

Belongs here: turning dbt's manifest into `SyncSpec`s, and every mistake in a block into one line with file
and line. Does not belong here: reading the manifest from disk, and what the warehouse really holds (`plan`).
"""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from c360_platform.activation.blocks import (
    BLOCKS,
    PROFILE_FIELDS,
    BadPhone,
    Block,
    CreatePolicy,
    EventsBlock,
    ListBlock,
    RemovalFuse,
)
from c360_platform.activation.errors import SyncConfigError
from c360_platform.activation.merged import ADDRESS, GOES_ON_AS, Aliases
from c360_platform.activation.yaml_lines import BlockSource, find_block

TAG = "klaviyo_sync"


@dataclass(frozen=True, slots=True)
class SyncSpec:
    """One sync. Column names are the model's; `fields` and `properties` map them to Klaviyo's names.

    `fields` are Klaviyo's own attributes of a profile, `properties` custom ones (of the profile, or of the
    event when `object` is events). Only events have `event_id`, `metric` and `occurred_at`; only lists have
    a `list_name`. What else a block can say is explained in `blocks`.

    `ingest_schema` holds the tables of our own Klaviyo ingest, as `relation` takes it; empty without one.
    `profile_syncs` are the syncs of the project whose rows become profiles. `aliases` tells addresses whose
    people go on under another one.
    """

    name: str
    model: str
    unique_id: str
    schema: str
    table: str
    object: Literal["profiles", "list", "events"]
    key: str
    fields: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    create: CreatePolicy = "always"
    consent: str | None = None
    unset: tuple[str, ...] = ()
    bad_phone: BadPhone = "drop"
    min_acceptance: float = 0.95
    list_name: str = ""
    removal_fuse: RemovalFuse = field(default_factory=RemovalFuse)
    removal_grace_hours: float = 0
    aliases: Aliases | None = None
    event_id: str = ""
    metric: str = ""
    occurred_at: str = ""
    value: str | None = None
    value_currency: str | None = None
    backfill_after_hours: int = 48
    ingest_schema: str = ""
    profile_syncs: tuple[str, ...] = ()
    file: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column of the model that the sync reads, each once."""
        consent = self.consent if self.create == "consented" else None
        named = (
            *(self.key, self.event_id, self.metric, self.occurred_at),
            *(self.value, self.value_currency, consent),
        )
        return tuple(dict.fromkeys([*filter(None, named), *self.fields, *self.properties]))

    @property
    def row_key(self) -> str:
        """The column that identifies a row in the ledger: the event's id, else the person's address."""
        return self.event_id or self.key


def load_specs(manifest: Mapping[str, Any], *, project_dir: Path | None = None) -> list[SyncSpec]:
    """All syncs of a dbt manifest (the parsed `manifest.json`), by name.

    With `project_dir`, the dbt project's directory, problems name the line and repeated keys are found.
    Raises `SyncConfigError` with every problem of every block.
    """
    problems: list[str] = []
    found: list[tuple[SyncSpec, BlockSource]] = []
    models = {
        node["name"]: node
        for node in manifest.get("nodes", {}).values()
        if node.get("resource_type") == "model"
    }
    for node in manifest.get("nodes", {}).values():
        if node.get("resource_type") == "model" and TAG in _tags(node):
            source = find_block(
                project_dir, node["name"], node.get("patch_path"), node.get("original_file_path", "")
            )
            reader = _BlockReader(node, source, models)
            spec = reader.read()
            problems += reader.problems
            if spec is not None:
                found.append((spec, source))
    problems += _conflicts(found)
    if problems:
        raise SyncConfigError(problems)
    specs = sorted((spec for spec, _ in found), key=lambda spec: spec.name)
    profile_syncs = tuple(spec.name for spec in specs if spec.object == "profiles")
    ingest = _ingest_schema(manifest)
    return [replace(spec, profile_syncs=profile_syncs, ingest_schema=ingest) for spec in specs]


def _ingest_schema(manifest: Mapping[str, Any]) -> str:
    """The schema of the raw tables that dlt loads from Klaviyo; with its project when it is another one."""
    own = {
        node.get("database") for node in manifest["nodes"].values() if node.get("resource_type") == "model"
    }
    for source in (manifest.get("sources") or {}).values():
        if (source["source_name"], source["name"]) == ("klaviyo", "profiles"):
            schema, database = source["schema"], source.get("database")
            return str(schema) if database in own else f"{database}.{schema}"
    return ""


class _BlockReader:
    """Reads one block and collects its problems."""

    def __init__(
        self, node: Mapping[str, Any], source: BlockSource, models: Mapping[str, Mapping[str, Any]]
    ) -> None:
        self.node = node
        self.models = models
        self.model: str = node["name"]
        self.source = source
        self.problems: list[str] = []

    def read(self) -> SyncSpec | None:
        for path in self.source.repeated_keys():
            self._problem(path, f"`{path[-1]}` stands twice: keep one")
        block = self._block()
        if block is None:
            return None
        self._check_columns(block)
        self._check_names(block)
        self._check_aliases(block)
        return None if self.problems else self._spec(block)

    def _block(self) -> Block | None:
        config = self.node.get("config") or {}
        raw = (config.get("meta") or {}).get("klaviyo") or (self.node.get("meta") or {}).get("klaviyo")
        if raw is None:
            self._problem(
                (), f"the model is tagged {TAG} but has no meta.klaviyo block: add one or drop the tag"
            )
            return None
        kind = raw.get("object") if isinstance(raw, Mapping) else None
        if kind not in BLOCKS:
            advice = _did_you_mean(str(kind), BLOCKS) or f"use {', '.join(BLOCKS)}"
            self._problem(("object",), f"`object` says what to sync, `{kind}` is not known: {advice}")
            return None
        try:
            return BLOCKS[kind].model_validate(raw)
        except ValidationError as error:
            for problem in error.errors(include_url=False, include_input=False):
                self._problem(problem["loc"], _explain(problem, kind))
            return None

    def _check_columns(self, block: Block) -> None:
        declared = list(self.node.get("columns") or {})
        for path, column in _columns(block):
            if column not in declared:
                advice = _did_you_mean(column, declared) or "declare it under the model's columns"
                self._problem(path, f"unknown column `{column}`: {advice}")

    def _check_names(self, block: Block) -> None:
        fields = {} if isinstance(block, EventsBlock) else block.fields
        for column, name in fields.items():
            if name not in PROFILE_FIELDS:
                advice = "that is the key" if name == "email" else _did_you_mean(name, PROFILE_FIELDS)
                advice = advice or "map it under properties"
                self._problem(("fields", column), f"`{name}` is not a field of a Klaviyo profile: {advice}")
        for column, name in block.properties.items():
            if name.startswith("$"):
                self._problem(("properties", column), f"`{name}` is reserved by Klaviyo: drop the $")
            elif name in (*PROFILE_FIELDS, "email") and not isinstance(block, EventsBlock):
                self._problem(("properties", column), f"`{name}` is Klaviyo's own field: map it under fields")
        for name in () if isinstance(block, EventsBlock) else block.unset:
            if name in (*PROFILE_FIELDS, "email"):
                self._problem(("unset",), f"`{name}` is Klaviyo's own field: only properties can be unset")
            elif name in block.properties.values():
                self._problem(("unset",), f"`{name}` is mapped under properties: drop it from one of the two")
        for section, names in (("fields", fields), ("properties", block.properties)):
            for column, other in _doubles(names):
                self._problem(
                    (section, column), f"`{names[column]}` is also the name of `{other}`: rename one"
                )

    def _check_aliases(self, block: Block) -> None:
        name = None if isinstance(block, EventsBlock) else block.aliases
        if name is None:
            return
        if name not in self.models:
            advice = _did_you_mean(name, self.models) or "name a model with the old addresses of people"
            self._problem(("aliases",), f"there is no model `{name}`: {advice}")
            return
        declared = self.models[name].get("columns") or {}
        missing = [column for column in (ADDRESS, GOES_ON_AS) if column not in declared]
        if missing:
            listed = " and ".join(f"`{column}`" for column in missing)
            self._problem(("aliases",), f"model {name} declares no column {listed}: add it there")

    def _aliases(self, name: str | None) -> Aliases | None:
        if name is None:
            return None
        node = self.models[name]
        return Aliases(name, node["unique_id"], node["schema"], node.get("alias") or name)

    def _problem(self, path: tuple[Any, ...], text: str) -> None:
        self.problems.append(f"{self.source.place(path)}: model {self.model}: {text}")

    def _spec(self, block: Block) -> SyncSpec:
        common = {
            "name": self.model,
            "model": self.model,
            "unique_id": self.node["unique_id"],
            "schema": self.node["schema"],
            "table": self.node.get("alias") or self.model,
            "object": block.object,
            "key": block.key,
            "properties": dict(block.properties),
            "create": block.create,
            "consent": block.consent,
            "min_acceptance": block.min_acceptance,
            "file": self.source.place(),
        }
        if isinstance(block, EventsBlock):
            return SyncSpec(
                **common,
                event_id=block.event_id,
                metric=block.metric,
                occurred_at=block.occurred_at,
                value=block.value,
                value_currency=block.value_currency,
                backfill_after_hours=block.backfill_after_hours,
            )
        common |= {"fields": dict(block.fields), "unset": block.unset, "bad_phone": block.bad_phone}
        common |= {"removal_fuse": block.removal_fuse, "aliases": self._aliases(block.aliases)}
        if isinstance(block, ListBlock):
            return SyncSpec(
                **common,
                list_name=block.list,
                removal_grace_hours=block.removal_grace_hours,
            )
        return SyncSpec(**common)


def _tags(node: Mapping[str, Any]) -> set[str]:
    return {*(node.get("tags") or []), *((node.get("config") or {}).get("tags") or [])}


def _columns(block: Block) -> Iterable[tuple[tuple[str, ...], str]]:
    """Every column that a block names, with the path of the key that names it."""
    for key in ("key", "event_id", "metric", "occurred_at", "value", "value_currency", "consent"):
        column = getattr(block, key, None)
        if column is not None:
            yield (key,), column
    for section in ("fields", "properties"):
        for column in getattr(block, section, {}):
            yield (section, column), column


def _doubles(names: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    """Columns whose Klaviyo name another column has already; letter case does not tell names apart."""
    first: dict[str, str] = {}
    for column, name in names.items():
        other = first.setdefault(name.casefold(), column)
        if other != column:
            yield column, other


def _conflicts(found: list[tuple[SyncSpec, BlockSource]]) -> Iterable[str]:
    """Two syncs that would write the same thing and undo each other's work."""
    writers: defaultdict[tuple[str, str], list[tuple[SyncSpec, BlockSource, tuple[str, ...]]]] = defaultdict(
        list
    )
    for spec, source in found:
        writers["sync name", spec.name].append((spec, source, ()))
        if spec.object == "list":
            writers["list", spec.list_name].append((spec, source, ("list",)))
        if spec.object != "events":
            for column, name in spec.fields.items():
                writers["field", name].append((spec, source, ("fields", column)))
            for column, name in spec.properties.items():
                writers["property", name].append((spec, source, ("properties", column)))
    for (kind, name), users in writers.items():
        first = users[0][0]
        for spec, source, path in users[1:]:
            yield (
                f"{source.place(path)}: model {spec.model}: {kind} `{name}` is already written by model "
                f"{first.model}: one writer each, drop it from one of them"
            )


def _explain(problem: Any, kind: str) -> str:
    path = problem["loc"]
    if problem["type"] == "consent_missing":
        return str(problem["msg"])
    key = str(path[-1])
    if problem["type"] == "extra_forbidden":
        known = list(RemovalFuse.model_fields) if "removal_fuse" in path else list(_keys(kind))
        elsewhere = [name for name in BLOCKS if name != kind and key in _keys(name)]
        advice = _did_you_mean(key, known) or (
            f"only object {' or '.join(elsewhere)} has it" if elsewhere else f"known are {', '.join(known)}"
        )
        return f"unknown key `{key}`: {advice}"
    if problem["type"] == "missing":
        return f"`{key}` is missing: object {kind} needs it"
    return f"`{'.'.join(map(str, path))}`: {problem['msg'][0].lower()}{problem['msg'][1:]}"


def _keys(kind: str) -> Iterable[str]:
    return BLOCKS[kind].model_fields


def _did_you_mean(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean `{close[0]}`?" if close else ""
