"""Where a key of a `meta.klaviyo` block stands in its file, for error messages.

Belongs here: line numbers, from YAML nodes or, for blocks in a model's `config()`, from its SQL text. Does
not belong here: what the block means. Nothing here raises: without a readable file there is no line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True, slots=True)
class BlockSource:
    """The file of a block as dbt names it (relative to the project) and what is known about its lines."""

    file: str
    node: yaml.MappingNode | None = None
    text: str = ""

    def place(self, path: tuple[Any, ...] = ()) -> str:
        """`file:line` of the deepest key on `path` that can be found, else the file alone."""
        line = _yaml_line(self.node, path) if self.node is not None else _text_line(self.text, path)
        return f"{self.file}:{line}" if line else self.file

    def repeated_keys(self) -> list[tuple[str, ...]]:
        """Paths of keys that stand twice in one mapping; YAML would silently keep the last."""
        return _repeated(self.node, ()) if self.node is not None else []


def find_block(project_dir: Path | None, model: str, patch_path: str | None, sql_path: str) -> BlockSource:
    """The source of the block of `model`: its properties file when the block is there, else its SQL file.

    `patch_path` is the manifest's (`project://models/….yml` or None), `sql_path` its `original_file_path`.
    """
    properties = patch_path.split("://", 1)[-1] if patch_path else None
    if properties is not None:
        node = _block_node(_read(project_dir, properties), model)
        if node is not None:
            return BlockSource(properties, node=node)
    text = _read(project_dir, sql_path)
    if properties is None or "klaviyo" in text:
        return BlockSource(sql_path, text=text)
    return BlockSource(properties)


def _read(project_dir: Path | None, path: str) -> str:
    if project_dir is None:
        return ""
    try:
        return (project_dir / path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


@lru_cache(maxsize=8)  # models share files
def _compose(text: str) -> yaml.Node | None:
    try:
        return yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError:
        return None


def _block_node(text: str, model: str) -> yaml.MappingNode | None:
    models = _value(_compose(text), "models")
    for entry in models.value if isinstance(models, yaml.SequenceNode) else []:
        name = _value(entry, "name")
        if isinstance(name, yaml.ScalarNode) and name.value == model:
            for path in (("config", "meta", "klaviyo"), ("meta", "klaviyo")):
                node: yaml.Node | None = entry
                for key in path:
                    node = _value(node, key)
                if isinstance(node, yaml.MappingNode):
                    return node
    return None


def _value(node: yaml.Node | None, key: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for name, value in node.value if name.value == key), None)


def _yaml_line(node: yaml.MappingNode, path: tuple[Any, ...]) -> int:
    line = node.start_mark.line
    current: yaml.Node | None = node
    for key in path:
        pairs = current.value if isinstance(current, yaml.MappingNode) else []
        found = [(name, value) for name, value in pairs if name.value == str(key)]
        if not found:
            break
        name, current = found[-1]  # of a repeated key the last one counts, as for dbt
        line = name.start_mark.line
    return line + 1


def _text_line(text: str, path: tuple[Any, ...]) -> int:
    start = text.find("klaviyo")
    if start < 0:
        return 0
    position = start
    for key in path:
        match = re.compile(rf"\b{re.escape(str(key))}\b").search(text, position)
        if match is None:
            break
        position = match.start()
    return text.count("\n", 0, position) + 1


def _repeated(node: yaml.MappingNode, path: tuple[str, ...]) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    seen: set[str] = set()
    for name, value in node.value:
        here = (*path, str(name.value))
        if name.value in seen:
            found.append(here)
        seen.add(name.value)
        if isinstance(value, yaml.MappingNode):
            found += _repeated(value, here)
    return found
