"""The command line: help that helps, and one line with exit code 1 for everything that is wrong."""

from __future__ import annotations

import io
import json
import socket
import subprocess
import sys
from datetime import date
from pathlib import Path

import duckdb
import pytest
from rich.console import Console

from c360_platform import cli, terminal
from c360_platform.loop import RunOutcome

COMMANDS = ("demo", "run", "build", "plan", "world", "load", "sandbox", "dev", "bench")


def c360(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command, run in this process through its entry point."""
    monkeypatch.setattr(sys, "argv", ["c360", *arguments])
    with pytest.raises(SystemExit) as left:
        cli.main()
    printed = capsys.readouterr()
    return int(left.value.code or 0), printed.out, printed.err


def test_help_names_every_command_and_each_explains_its_options(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = c360(monkeypatch, capsys, "--help")
    assert code == 0
    for command in COMMANDS:
        assert command in out
        code, out_of_command, _ = c360(monkeypatch, capsys, command, "--help")
        assert code == 0
        assert "Usage" in out_of_command


@pytest.mark.parametrize(
    ("environ", "arguments", "said"),
    [
        ({"C360_ENV": "prod"}, ["build"], "C360_ENV='prod' is unknown"),
        ({"C360_WAREHOUSE_PATH": "shop.duckdb"}, ["build"], "relative path"),
        ({}, ["build", "--home", "{tmp}"], "there is no warehouse at"),
        ({}, ["run", "--home", "{tmp}"], "c360 demo"),
        ({}, ["plan", "--home", "{tmp}", "--as-of", "yesterday"], "write it as 2026-06-30"),
        ({}, ["demo", "--home", "{tmp}/world"], "holds another world"),
        ({}, ["sandbox", "--home", "{tmp}", "--port", "{port}"], "in use"),
        ({}, ["dev", "--home", "{tmp}/world", "--port", "{port}"], "in use"),
        ({}, ["load", "{tmp}/nowhere", "--home", "{tmp}"], "nowhere"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    environ: dict[str, str],
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    world = tmp_path / "world"
    world.mkdir()
    (world / "world.json").write_text(json.dumps({"customers": 7, "seed": 9, "as_of": "2026-06-30"}))
    (world / "warehouse.duckdb").touch()
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        filled = [argument.format(tmp=tmp_path, port=port) for argument in arguments]
        code, _, err = c360(monkeypatch, capsys, *filled)
    assert code == 1
    assert said in err
    assert err.startswith("error: ")
    assert "Traceback" not in err
    assert len(err.strip().splitlines()) == 1


def test_a_broken_marker_of_a_world_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "world.json").write_text("{")
    code, _, err = c360(monkeypatch, capsys, "build", "--home", str(tmp_path))
    assert code == 1
    assert "world.json is not JSON" in err


def test_a_demo_runs_on_the_day_of_its_world_whatever_the_shops_calendar_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    days: list[date | None] = []
    monkeypatch.setattr(terminal, "loop_and_report", lambda settings, verify: days.append(settings.as_of))
    for _ in range(2):
        code, _, err = c360(monkeypatch, capsys, "demo", "--home", str(tmp_path), "--customers", "10")
        assert code == 0, err
    assert days == [date.fromisoformat(json.loads((tmp_path / "world.json").read_text())["as_of"])] * 2


def test_reasons_with_brackets_are_printed_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    printed = Console(file=io.StringIO(), width=120)
    monkeypatch.setattr(terminal, "console", printed)
    outcome = RunOutcome(run_id="1", job="loop", failures={"load": "found [/etc] and [bold]"})
    with pytest.raises(terminal.LoopFailed, match="load"):
        terminal._raise_for(outcome)
    assert "found [/etc] and [bold]" in printed.file.getvalue()  # type: ignore[attr-defined]


def test_a_locked_warehouse_is_named_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from c360_platform.warehouse.duckdb import DuckDBWarehouse

    defaults = DuckDBWarehouse.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "lock_wait_seconds", 0.3)
    exports = tmp_path / "exports" / "webshop"
    exports.mkdir(parents=True)
    (exports / "customers.csv").write_text("id,email\n1,a@example.com\n")
    file = tmp_path / "warehouse.duckdb"
    duckdb.connect(str(file)).close()
    holder = subprocess.Popen(
        [sys.executable, "-c", f"import duckdb; c = duckdb.connect({str(file)!r}); print('held'); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        code, _, err = c360(monkeypatch, capsys, "load", str(exports.parent), "--home", str(tmp_path))
    finally:
        holder.communicate(b"\n")
    assert code == 1
    assert str(file) in err
    assert "Traceback" not in err
