"""`python -m tests.judges [NAME …]`: lets the judges (all, or those whose names begin so) read, and prints.

Exit code 1 when a judge read something else than the sandbox holds without a known reason, or could not read.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from c360_platform.sandbox.server import Sandbox
from tests.judges.account import change_again, judged_sandbox
from tests.judges.clients import ClientError
from tests.judges.comparison import Verdict, judged, table
from tests.judges.judges import JUDGES, Judge, Record

Records = dict[str, list[Record]]


def main() -> int:
    chosen = [judge for judge in JUDGES if not sys.argv[1:] or judge.name.startswith(tuple(sys.argv[1:]))]
    verdicts: list[Verdict] = []
    failures: list[str] = []
    earlier: dict[str, Records] = {}
    with (
        tempfile.TemporaryDirectory(prefix="c360-judges-") as folder,
        judged_sandbox(Path(folder)) as sandbox,
    ):
        for resumed in (False, True):
            if resumed:
                change_again(sandbox)
                chosen = [judge for judge in chosen if judge.resumes and judge.name in earlier]
            for judge in chosen:
                started = time.monotonic()
                try:
                    records = _read(judge, sandbox, Path(folder))
                except ClientError as error:
                    failures.append(f"{judge.name} could not read: {error}")
                else:
                    verdicts += _judged(judge, sandbox, records, earlier.get(judge.name))
                    earlier[judge.name] = records
                _say(f"{judge.name}{', resumed' if resumed else ''}: {time.monotonic() - started:.0f} s")
    _say(f"\n{table(verdicts)}\n")
    for failure in failures:
        _say(failure)
    wrong = [verdict for verdict in verdicts if verdict.fails]
    _say(f"{len(verdicts)} streams compared, {len(wrong)} differ, {len(failures)} judges failed")
    return 1 if wrong or failures else 0


def _read(judge: Judge, sandbox: Sandbox, folder: Path) -> Records:
    own = folder / judge.name.replace(" ", "-")
    own.mkdir(exist_ok=True)
    records: Records = defaultdict(list)
    for stream, record in judge.read(sandbox.url, own):
        records[stream].append(record)
    return records


def _judged(judge: Judge, sandbox: Sandbox, records: Records, earlier: Records | None) -> list[Verdict]:
    """The verdicts of a first reading, or of one that went on from an earlier one."""
    readings = judge.readings if earlier is None else [one for one in judge.readings if one.resumed]
    return [
        judged(
            judge.name,
            reading,
            reading.held(sandbox.store),
            records[reading.stream],
            [] if earlier is None else earlier[reading.stream],
        )
        for reading in readings
    ]


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
