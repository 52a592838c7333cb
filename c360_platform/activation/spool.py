"""The bodies of planned rows, kept in files without a name until they are sent.

Belongs here: writing payloads as the plan yields them and reading them back by position. Does not belong
here: what a payload is (`expressions`), which rows there are (`plan`), envelopes (`payloads`).

A payload is personal data and half a kilobyte: written into the warehouse it would cost more than everything
else in a sync. So the warehouse keeps what is needed to settle a row, and the text goes into a temporary file
that has no name and vanishes with the process. After a kill the texts of open batches are rendered anew.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import IO, TYPE_CHECKING

from c360_platform.activation.errors import SyncHeld
from c360_platform.activation.ledger_tables import Batch
from c360_platform.activation.payloads import SEPARATOR

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    Integers = npt.NDArray[np.int64]


_WRITTEN_BYTES = 1 << 20  # at a time: Linux takes seven times as long for the large pages of a larger write


class LaneSpool:
    """The payloads of one lane by position. Positions are added in ascending order."""

    def __init__(self) -> None:
        # It lives as long as this object.
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="c360-", buffering=0)  # noqa: SIM115
        self._end = 0  # of the text
        self._parts: list[tuple[Integers, Integers, Integers]] = []  # positions, starts, sizes

    def add(self, positions: Integers, payloads: pa.Array) -> None:
        """Append rows; `payloads` is a text array without nulls, each ending with the separator."""
        import numpy as np
        import pyarrow as pa

        if not len(payloads):
            return
        array = payloads.cast(pa.large_string())
        _, offsets_buffer, data = array.buffers()
        offsets = np.frombuffer(offsets_buffer, np.int64, len(array) + 1, array.offset * 8)
        text = memoryview(data)[int(offsets[0]) : int(offsets[-1])]
        try:
            self._write(text)
        except OSError as error:
            raise SyncHeld(
                f"no room for {len(text):,} bytes of bodies in {tempfile.gettempdir()} ({error.strerror}): "
                "free some, or name another directory in TMPDIR"
            ) from None
        self._parts.append((positions, offsets[:-1] - offsets[0] + self._end, np.diff(offsets)))
        self._end += len(text)

    def _write(self, text: memoryview) -> None:
        written = 0
        while written < len(text):
            piece = text[written : written + _WRITTEN_BYTES]
            written += os.pwrite(self._file.fileno(), piece, self._end + written)

    def drop(self, positions: Sequence[int]) -> None:
        """Rows that are not to be sent after all."""
        import numpy as np

        known, starts, sizes = self._rows()
        kept = ~np.isin(known, np.asarray(positions, np.int64))
        self._parts = [(known[kept], starts[kept], sizes[kept])]

    def sizes(self) -> tuple[Integers, Integers]:
        """Positions, ascending, and the bytes of each row with its separator."""
        positions, _, sizes = self._rows()
        return positions, sizes

    def count(self, first: int, last: int) -> int:
        """Rows between two positions, both included."""
        start, end = self._range(first, last)
        return end - start

    def pieces(self, first: int, last: int) -> list[bytes]:
        """The rows between two positions, both included, each with its separator: neighbours in one piece."""
        import numpy as np

        start, end = self._range(first, last)
        if start == end:
            return []
        _, starts, sizes = self._rows()
        ends = starts[start:end] + sizes[start:end]
        (gaps,) = np.nonzero(starts[start + 1 : end] != ends[:-1])
        begins = starts[[start, *(start + 1 + gaps)]].tolist()
        return [
            os.pread(self._file.fileno(), finish - begin, begin)
            for begin, finish in zip(begins, ends[[*gaps, -1]].tolist(), strict=True)
        ]

    def texts(self, first: int, last: int) -> dict[int, str]:
        """Position to payload without its separator, between two positions, both included."""
        start, end = self._range(first, last)
        positions, _, sizes = self._rows()
        body, at = b"".join(self.pieces(first, last)), 0
        found: dict[int, str] = {}
        for position, size in zip(positions[start:end].tolist(), sizes[start:end].tolist(), strict=True):
            found[position] = body[at : at + size - len(SEPARATOR)].decode()
            at += size
        return found

    def close(self) -> None:
        with suppress(OSError):  # what a full disk did not take is of no use any more
            self._file.close()

    def _range(self, first: int, last: int) -> tuple[int, int]:
        import numpy as np

        positions = self._rows()[0]
        return int(np.searchsorted(positions, first)), int(np.searchsorted(positions, last, side="right"))

    def _rows(self) -> tuple[Integers, Integers, Integers]:
        import numpy as np

        if len(self._parts) != 1:
            empty = (np.empty(0, np.int64),)
            columns = zip(*self._parts, strict=True) if self._parts else (empty, empty, empty)
            positions, starts, sizes = (np.concatenate(column) for column in columns)
            self._parts = [(positions, starts, sizes)]
        return self._parts[0]


Rendered = Iterable[tuple[str, "Integers", "pa.Array"]]


class Spool:
    """The payloads of one run: those of its plan, and those of older batches once they are asked for.

    `render` yields lane, positions and payloads of batches whose texts are not here.
    """

    def __init__(self, render: Callable[[Sequence[Batch]], Rendered]) -> None:
        self._render = render
        self._planned: dict[str, LaneSpool] = {}
        self._older: dict[str, dict[str, LaneSpool]] = {}  # by the id of the batch that was planned
        self._own: set[str] = set()  # batches of the plan

    def add(self, lane: str, positions: Integers, payloads: pa.Array) -> None:
        """Append rows of the plan."""
        self.lane(lane).add(positions, payloads)

    def lane(self, lane: str) -> LaneSpool:
        """The plan's rows of a lane."""
        if lane not in self._planned:
            self._planned[lane] = LaneSpool()
        return self._planned[lane]

    def lanes(self) -> list[str]:
        return sorted(self._planned)

    def take(self, batches: Sequence[Batch]) -> None:
        """These batches were cut from the plan."""
        self._own |= {batch.batch_id for batch in batches}

    def expect(self, batches: Sequence[Batch]) -> None:
        """Batches that will be asked for, so that one visit to the warehouse renders all older ones."""
        wanted = [batch for batch in batches if batch.lineage[0] not in self._own | self._older.keys()]
        if not wanted:
            return
        rendered: dict[str, LaneSpool] = {}
        for lane, positions, payloads in self._render(wanted):
            rendered.setdefault(lane, LaneSpool()).add(positions, payloads)
        for batch in wanted:
            self._older[batch.lineage[0]] = rendered

    def of(self, batch: Batch) -> LaneSpool:
        """Where the rows of a batch are: with the plan's, or rendered anew for an older one."""
        if batch.lineage[0] in self._own:
            return self.lane(batch.lane)
        self.expect([batch])
        return self._older[batch.lineage[0]].setdefault(batch.lane, LaneSpool())

    def forget_plan(self) -> None:
        """The plan is made anew."""
        for spool in self._planned.values():
            spool.close()
        self._planned = {}

    def close(self) -> None:
        self.forget_plan()
        for lanes in self._older.values():
            for spool in lanes.values():
                spool.close()
