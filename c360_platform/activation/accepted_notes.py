"""Which batches Klaviyo has taken, noted beside an embedded warehouse until that is visited next.

Belongs here: writing a line the moment Klaviyo has answered, and reading what a killed run has written. Does
not belong here: the batches' table (`batches`), into which the lines go. They hold ids and times, no person.

Opening a DuckDB file takes longer than anything else about a batch, and while it is open nobody else can work
with it. A line in a file survives the end of the process just as well.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from c360_platform.warehouse import WarehouseError


@dataclass(frozen=True, slots=True)
class Accepted:
    """Klaviyo took a batch; `job_id` is empty where it names none, `sends` counts how often it took it."""

    batch_id: str
    job_id: str
    at: datetime
    sends: int


class AcceptedNotes:
    """The notes of one sync. A line that a kill has cut off counts as not written."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, accepted: Accepted) -> None:
        """Raises `WarehouseError` when the file cannot be written: what is not noted is not known."""
        line = json.dumps([accepted.batch_id, accepted.job_id, accepted.at.isoformat(), accepted.sends])
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        except OSError as error:
            raise WarehouseError(
                f"{self.path.name} cannot be written ({error.strerror}): make room beside the warehouse"
            ) from None

    def read(self) -> list[Accepted]:
        """The latest note of every batch."""
        try:
            lines = self.path.read_text(encoding="utf-8").split("\n")[:-1]
        except FileNotFoundError:
            return []
        found: dict[str, Accepted] = {}
        for line in lines:
            try:
                batch_id, job_id, at, sends = json.loads(line)
            except ValueError:  # cut off by a full disk, with another line behind it
                continue
            found[batch_id] = Accepted(batch_id, job_id, datetime.fromisoformat(at), sends)
        return list(found.values())

    def clear(self) -> None:
        """They are in the warehouse now."""
        self.path.unlink(missing_ok=True)
