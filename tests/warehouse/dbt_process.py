"""Many dbt commands in the time that one takes to start: a process that has the project forks for each.

Belongs here: the process and its client. Does not belong here: what is built; the tests say that. Run as a
module it is the process itself: a line of JSON in is a command, a line of JSON out its result.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.warehouse.dbt_home import AS_OF, COLOUR, DBT_PROJECT

PARTIAL_PARSE = "partial_parse.msgpack"


@dataclass
class DbtProcess:
    """A context: within it `run` runs dbt on the project with one warehouse file, which may be replaced.

    `parsed` is what dbt keeps of a parse (`PARTIAL_PARSE`) of the project as it is now; without it the
    process parses, which takes ten seconds. Variables may differ from command to command, apart from those
    that configure models.
    """

    warehouse: Path
    target: Path
    project: Path = DBT_PROJECT
    parsed: Path | None = None
    _process: subprocess.Popen[str] = field(init=False, repr=False)

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(self.project), str(self.target), str(self.parsed or "")],
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
        """Run models, or take snapshots when `snapshot` is the first argument; no tests and no seeds."""
        command = () if arguments[0] == "snapshot" else ("run",)
        code, output = self.run(*command, *arguments, variables=variables)
        assert code == 0, output

    def build_with_seeds(self, *select: str, variables: Mapping[str, Any] | None = None) -> None:
        """Build seeds and models without their tests: all of them unless told which."""
        selection = ["--select", "resource_type:seed", *select] if select else []
        code, output = self.run(
            "build", "--exclude-resource-types", "test", "unit_test", *selection, variables=variables
        )
        assert code == 0, output


def _serve(project: Path, target: Path, parsed: Path | None) -> None:
    from dbt.cli.main import dbtRunner

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # dbt's own output stays out of the answers
    directories = {"project-dir": project, "profiles-dir": project, "target-path": target, "log-path": target}
    places = [f"--{name}={directory}" for name, directory in directories.items()]
    manifest = (_read(parsed) if parsed and parsed.exists() else None) or _parse(places)
    _link_once()
    for command in ("list", "build"):  # for their imports and graphs; no warehouse is opened
        dbtRunner(manifest=manifest).invoke(["--quiet", command, "--select", "nothing", *places])
    output = target / "output.txt"
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            with output.open("w") as log:
                os.dup2(log.fileno(), 1)
            command = json.loads(line)
            quick = ["--log-level-file=none", *([] if "--write-json" in command else ["--no-write-json"])]
            done = dbtRunner(manifest=manifest).invoke([*quick, *command, *places])
            sys.stdout.write(str(done.exception or ""))
            sys.exit(0 if done.success else 1)  # by the front door: DuckDB writes its log into the file
        _, status = os.waitpid(child, 0)
        answers.write(json.dumps([os.waitstatus_to_exitcode(status), output.read_text()]) + "\n")
        answers.flush()


def _link_once() -> None:
    """dbt links the graph of the project for every command; children get those of this process."""
    from dbt.compilation import Compiler

    link: Any = Compiler.compile
    graphs: dict[bool, Any] = {}

    def kept(self: Any, manifest: Any, write: bool = True, add_test_edges: bool = False) -> Any:
        if add_test_edges not in graphs:
            graphs[add_test_edges] = link(self, manifest, write=write, add_test_edges=add_test_edges)
        return graphs[add_test_edges]

    setattr(Compiler, "compile", kept)  # noqa: B010  (mypy takes no assignment to a method)


def _parse(places: Sequence[str]) -> Any:
    from dbt.cli.main import dbtRunner

    done = dbtRunner().invoke(["--quiet", "parse", *places, "--vars", json.dumps({"as_of": AS_OF})])
    return done.result if done.success else sys.exit(str(done.exception))


def _read(parsed: Path) -> Any | None:
    """The manifest as dbt's own partial parsing reads it; None when relations are those of another file."""
    from dbt.contracts.graph.manifest import Manifest
    from dbt.parser.manifest import extended_mashumuro_decoder

    manifest: Any = Manifest.from_msgpack(parsed.read_bytes(), decoder=extended_mashumuro_decoder)
    if any(node.database != Path(os.environ["C360_WAREHOUSE_PATH"]).stem for node in manifest.nodes.values()):
        return None
    manifest.build_flat_graph()
    return manifest


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]) if sys.argv[3] else None)
