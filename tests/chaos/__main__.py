"""`make chaos N=500`: random worlds, and the seed of each in which an invariant broke.

Arguments: the number of worlds (default 25), `--seed` of the first, `-j` processes, `--story` to tell what
happened. `make chaos N=1 SEED=123` replays the world of a seed.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor

from tests.chaos.world import Verdict, live

_PROGRESS_SECONDS = 15.0


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 1 when an invariant broke."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("worlds", nargs="?", type=int, default=25)
    parser.add_argument("--seed", type=int, default=None, help="of the first world; random without")
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--story", action="store_true", help="tell what happened in each world")
    chosen = parser.parse_args(arguments)
    first = random.SystemRandom().randrange(10**9) if chosen.seed is None else chosen.seed
    _say(f"{chosen.worlds} worlds from seed {first}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that no process is left behind
    started = said = time.monotonic()
    verdicts: list[Verdict] = []
    failed = 0
    for verdict in worlds(range(first, first + chosen.worlds), chosen.jobs):
        verdicts.append(verdict)
        if chosen.story:
            _say("\n".join([f"world {verdict.seed}", *verdict.story]))
        if verdict.violations:
            failed += 1
            _say(
                f"seed {verdict.seed}: {verdict.violations[0][:300]} "
                f"({len(verdict.violations)} in all); replay: make chaos N=1 SEED={verdict.seed}"
            )
        if time.monotonic() - said > _PROGRESS_SECONDS:
            said = time.monotonic()
            _say(f"{len(verdicts)} of {chosen.worlds} worlds, {failed} broken")
    _say(summary(verdicts, time.monotonic() - started))
    return 1 if failed else 0


def worlds(seeds: Sequence[int], jobs: int) -> Iterator[Verdict]:
    """The verdicts over the worlds of these seeds, as they come; several are not lived in this process."""
    if len(seeds) == 1:
        yield from map(live, seeds)
        return
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            yield from pool.map(live, seeds)
        finally:
            pool.shutdown(cancel_futures=True)  # else leaving early would wait for all the others


def summary(verdicts: Sequence[Verdict], seconds: float) -> str:
    """One line of figures."""
    runs, kills, faults = (
        sum(getattr(verdict, name) for verdict in verdicts) for name in ("runs", "kills", "faults")
    )
    cpu = sum(verdict.cpu_seconds for verdict in verdicts)
    broken = sum(bool(verdict.violations) for verdict in verdicts)
    return (
        f"{len(verdicts)} worlds, {broken} broken: {runs} runs, {kills} killed, {faults} faults; "
        f"{seconds:.0f} s, {cpu / max(len(verdicts), 1):.2f} CPU s a world"
    )


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
