"""Many dbt commands in the time that one takes to start: a process that parsed the project forks for each.

Belongs here: the process and its client. Does not belong here: what is built; the tests say that. Run as a
module it is the process itself: a line of JSON in is a command, a line of JSON out its result.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.warehouse.dbt_home import AS_OF, COLOUR, DBT_PROJECT


@dataclass
class DbtProcess:
    """A context: within it `run` runs dbt on the project with one warehouse file, which may be replaced.

    Variables may differ from command to command, apart from those that configure models.
    """

    warehouse: Path
    target: Path
    project: Path = DBT_PROJECT
    _process: subprocess.Popen[str] = field(init=False, repr=False)

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(self.project), str(self.target)],
            cwd=Path(__file__).resolve().parents[2],
            env=os.environ | {"C360_WAREHOUSE_PATH": str(self.warehouse)},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)

    def run(self, *arguments: str, variables: Mapping[str, Any] | None = None) -> tuple[int, str]:
        """Exit code and output of a dbt command."""
        command = [*arguments, "--vars", json.dumps({"as_of": AS_OF, **(variables or {})})]
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the dbt process ended"
        code, output = json.loads(answer)
        return code, COLOUR.sub("", output)

    def build(self, *arguments: str, variables: Mapping[str, Any] | None = None) -> None:
        """Run models, or take snapshots when `snapshot` is the first argument; no tests."""
        command = () if arguments[0] == "snapshot" else ("run",)
        code, output = self.run(*command, *arguments, variables=variables)
        assert code == 0, output


def _serve(project: Path, target: Path) -> None:
    from dbt.cli.main import dbtRunner

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # dbt's own output stays out of the answers
    directories = {"project-dir": project, "profiles-dir": project, "target-path": target, "log-path": target}
    places = [f"--{name}={directory}" for name, directory in directories.items()]
    parsed = dbtRunner().invoke(["--quiet", "parse", *places, "--vars", json.dumps({"as_of": AS_OF})])
    if not parsed.success:
        sys.exit(str(parsed.exception))
    manifest: Any = parsed.result
    dbtRunner(manifest=manifest).invoke(
        ["--quiet", "list", "--select", "nothing", *places]
    )  # for its imports
    output = target / "output.txt"
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            with output.open("w") as log:
                os.dup2(log.fileno(), 1)
            quick = ["--no-write-json", "--log-level-file", "none"]
            done = dbtRunner(manifest=manifest).invoke([*quick, *json.loads(line), *places])
            sys.stdout.write(str(done.exception or ""))
            sys.exit(0 if done.success else 1)  # by the front door: DuckDB writes its log into the file
        _, status = os.waitpid(child, 0)
        answers.write(json.dumps([os.waitstatus_to_exitcode(status), output.read_text()]) + "\n")
        answers.flush()


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), Path(sys.argv[2]))
