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
from tests.judges.account import judged_sandbox
from tests.judges.clients import ClientError
from tests.judges.comparison import Verdict, judged, table
from tests.judges.judges import JUDGES, Judge, Record


def main() -> int:
    chosen = [judge for judge in JUDGES if not sys.argv[1:] or judge.name.startswith(tuple(sys.argv[1:]))]
    verdicts: list[Verdict] = []
    failures: list[str] = []
    with (
        tempfile.TemporaryDirectory(prefix="c360-judges-") as folder,
        judged_sandbox(Path(folder)) as sandbox,
    ):
        for judge in chosen:
            started = time.monotonic()
            try:
                verdicts += _read(judge, sandbox, Path(folder))
            except ClientError as error:
                failures.append(f"{judge.name} could not read: {error}")
            _say(f"{judge.name}: {time.monotonic() - started:.0f} s")
    _say(f"\n{table(verdicts)}\n")
    for failure in failures:
        _say(failure)
    wrong = [verdict for verdict in verdicts if verdict.fails]
    _say(f"{len(verdicts)} streams compared, {len(wrong)} differ, {len(failures)} judges failed")
    return 1 if wrong or failures else 0


def _read(judge: Judge, sandbox: Sandbox, folder: Path) -> list[Verdict]:
    own = folder / judge.name.replace(" ", "-")
    own.mkdir()
    records: dict[str, list[Record]] = defaultdict(list)
    for stream, record in judge.read(sandbox.url, own):
        records[stream].append(record)
    return [
        judged(judge.name, reading, reading.held(sandbox.store), records[reading.stream])
        for reading in judge.readings
    ]


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
