"""One world: a shop, an account and some days on which much goes wrong, then quiet and judgement.

Belongs here: the order of things. Does not belong here: what is edited, what goes wrong, what must be true.
Everything comes from the seed; the sandbox's clock stands still while runs work.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from c360_platform.activation.delivery import Overrides
from c360_platform.activation.spec import SyncSpec
from c360_platform.sandbox.app import create_app
from c360_platform.sandbox.clock import Clock
from c360_platform.sandbox.klaviyo.lags import Lags, set_lags
from c360_platform.sandbox.klaviyo.settings import KlaviyoSettings
from c360_platform.sandbox.limits import Limits
from c360_platform.sandbox.server import Sandbox, running_app
from c360_platform.sandbox.store import Store
from tests.chaos import mishaps
from tests.chaos.account import Account
from tests.chaos.edits import Editor
from tests.chaos.expected import Truth
from tests.chaos.ledger import LedgerBook, leaks
from tests.chaos.mishaps import Executioner, HttpStrike
from tests.chaos.runner import Job, Outcome, Runners, Strike
from tests.chaos.shop import EVENTS, MEMBERS, PHONE_MARK, PROFILES, TIER, Models

BEGINNING = datetime(2026, 9, 1, 12, tzinfo=UTC)
_MOST_QUIET_RUNS = 8


@dataclass
class Verdict:
    """What came of a world. `story` tells its rounds, for who replays it."""

    seed: int
    violations: list[str] = field(default_factory=list)
    story: list[str] = field(default_factory=list)
    runs: int = 0
    kills: int = 0
    faults: int = 0
    cpu_seconds: float = 0.0


def live(seed: int) -> Verdict:
    """The world of a seed."""
    started = time.process_time()
    with TemporaryDirectory(prefix="chaos-") as folder, _sandbox(Path(folder)) as (sandbox, executioner):
        world = _World(seed, Path(folder) / "warehouse.duckdb", sandbox, executioner)
        try:
            for number in range(world.random.randint(2, 4)):
                world.day(number)
            world.quiet_down()
        except TimeoutError as error:
            world.verdict.violations.append(str(error))
    world.verdict.cpu_seconds += time.process_time() - started
    return world.verdict


@contextmanager
def _sandbox(folder: Path) -> Iterator[tuple[Sandbox, Executioner]]:
    logging.getLogger("uvicorn.error").disabled = True  # requests that a kill cut off
    store = Store(folder / "sandbox.sqlite")
    try:
        clock = Clock()
        clock.freeze()
        clock.set(BEGINNING)
        limits = Limits(clock, enabled=False)
        app = create_app(store, clock, limits)
        executioner = Executioner(app)
        with running_app(executioner) as url:
            yield Sandbox(url, store, clock, limits, app.state.traffic, app.state.benchmark), executioner
    finally:
        store.close()


class _World:
    def __init__(self, seed: int, path: Path, sandbox: Sandbox, executioner: Executioner) -> None:
        self.random = random = Random(seed)
        self.verdict = Verdict(seed)
        self.path = path
        self.sandbox = sandbox
        self.executioner = executioner
        self.runners = Runners()
        self.models = Models()
        people = random.randint(10, 40)
        self.editor = Editor(random, self.models, people, BEGINNING)
        self.editor.first()
        addresses = [self.editor.address(number) for number in range(people)]
        self.account = Account(sandbox.store, random, sandbox.clock.now_us())
        self.account.settle_in(addresses)
        has_tier = random.random() < 0.5
        members = replace(
            MEMBERS, properties=TIER if has_tier else {}, removal_grace_hours=random.choice((0, 0, 24))
        )
        self.syncs: Sequence[SyncSpec] = (PROFILES, members, EVENTS)
        self.rows_in_a_batch = random.choice((4, 10, 25))
        self.profiles_settled = False  # the last run of the profiles went through to its end
        self.truth = Truth(self.account.snapshot(), has_tier=has_tier)
        self.truth.blocked = set(random.sample(addresses, random.choice((0, 0, 1, 2))))
        self.addresses = addresses
        self.models.write(path)
        self.book = LedgerBook(path, self.truth)
        set_lags(sandbox.store, Lags(back_dated_events=random.choice((0, 0, 0, 3000))))

    # Bad days -----------------------------------------------------------------------------------------------

    def day(self, number: int) -> None:
        """Edits, then runs that meet faults and die."""
        random = self.random
        self.profiles_settled = False
        if number:
            self._pass_time(timedelta(hours=random.choice((0, 1, 5, 30))))
            self.editor.change()
            self._others_at_work()
        self.models.write(self.path)
        self.truth.note(self.models, self.sandbox.clock.now())
        self._set_klaviyo(
            random.choice((0, 0, 0, 1800)), random.sample(self.addresses, random.choice((0, 0, 0, 2)))
        )
        for fault in (faults := mishaps.faults(random)):
            self.sandbox.traffic.add_fault(fault)
            self._tell(f"fault {fault}")
        self.verdict.faults += len(faults)
        order = random.sample(self.syncs, random.randint(1, 3))
        if random.random() < 0.2:
            order.append(random.choice(order))
        for turn, spec in enumerate(order):
            run_id = f"day{number}-{turn}"
            if random.random() < 0.1:
                self._run_two(run_id, spec, random.choice(self.syncs))
            else:
                self._run_one(run_id, spec)
        self.sandbox.traffic.forget_faults()
        self._judge(f"day {number}")

    def _others_at_work(self) -> None:
        """A marketer puts people on the list who have never been in the segment, or deletes the list."""
        if self.random.random() < 0.05:
            self.account.delete_list()
        if self.random.random() < 0.3:
            strangers = [email for email in self.addresses if email not in self.truth.members]
            present = {row["email"] and row["email"].strip().lower() for row in self.models.members}
            chosen = self.random.sample(strangers, min(len(strangers), 3))
            self.account.put_on_list([email for email in chosen if email not in present])

    def _set_klaviyo(self, delay: float, failing: list[str]) -> None:
        settings = KlaviyoSettings(self.sandbox.store)
        settings.import_delay_seconds = delay
        self.truth.blocked_once |= set(failing)
        settings.fail_late = {
            email: f"{email} with +{PHONE_MARK}000001 is blocked" for email in {*failing, *self.truth.blocked}
        }

    def _run_one(self, run_id: str, spec: SyncSpec) -> None:
        strike = mishaps.strike(self.random)
        running = self.runners.start(self._job(run_id, [spec], strike))
        if isinstance(strike, HttpStrike):
            self.executioner.await_run(running.pid, strike)
        running.go()
        outcomes, killed = running.outcomes()
        self.executioner.rest()
        self._hear(run_id, spec, outcomes, killed=killed, strike=strike)

    def _run_two(self, run_id: str, *specs: SyncSpec) -> None:
        """Two processes at once; which is first is the machine's choice."""
        strikes = [None, mishaps.strike(self.random)]
        jobs = [
            replace(self._job(f"{run_id}{letter}", [spec], strike), stays_open=False)
            for letter, spec, strike in zip("ab", specs, strikes, strict=True)
        ]
        both = [self.runners.start(job) for job in jobs]
        for running in both:
            running.go()
        for job, spec, running in zip(jobs, specs, both, strict=True):
            outcomes, killed = running.outcomes()
            self._hear(job.run_id, spec, outcomes, killed=killed, strike=job.strike)

    def _job(self, run_id: str, syncs: Sequence[SyncSpec], strike: Strike | HttpStrike | None) -> Job:
        return Job(
            warehouse=self.path,
            url=self.sandbox.url,
            syncs=syncs,
            run_id=run_id,
            now=self.sandbox.clock.now(),
            rows_in_a_batch=self.rows_in_a_batch,
            overrides=Overrides(
                allow_removals=self.random.random() < 0.2, retry_rejected=self.random.random() < 0.1
            ),
            strike=strike if isinstance(strike, Strike) else None,
            stays_open=self.random.random() < 0.9,
        )

    # Quiet --------------------------------------------------------------------------------------------------

    def quiet_down(self) -> None:
        """Nothing goes wrong any more: run until nothing is left to do, then judge."""
        self._set_klaviyo(0, [])
        set_lags(self.sandbox.store, Lags())
        if self.random.random() < 0.5:  # jobs that hang are carried out, or Klaviyo forgets them
            self.sandbox.store.execute("delete from kl_import_fate")
        else:
            self._pass_time(timedelta(days=8))
        for number in range(_MOST_QUIET_RUNS):
            self._pass_time(timedelta(hours=2))
            self.truth.note(self.models, self.sandbox.clock.now())
            self.sandbox.traffic.forget_calls()
            job = replace(
                self._job(f"quiet{number}", self.syncs, None), overrides=Overrides(allow_removals=True)
            )
            running = self.runners.start(job)
            running.go()
            outcomes, killed = running.outcomes()
            self._hear(job.run_id, None, outcomes, killed=killed, strike=None)
            calls = self.sandbox.calls()
            if all(_is_quiet(outcome) for outcome in outcomes) and not calls:
                break
        else:
            self._complain(f"not quiet after {_MOST_QUIET_RUNS} runs: {calls}")
        self._judge("the end")
        found = self.account.snapshot()
        for problem in (
            *self.truth.shortcomings(found, self.book.refused(), self.account.foreign_members),
            *self.book.shortcomings(self.models),
            *self.book.false_claims(),
        ):
            self._complain(f"at the end: {problem}")

    # Both ---------------------------------------------------------------------------------------------------

    def _judge(self, when: str) -> None:
        found = self.account.snapshot()
        self.book.read()
        if self.profiles_settled:
            self.book.learn()
        for problem in (
            *self.truth.violations(found, self.account.foreign_members),
            *self.book.violations(found),
        ):
            self._complain(f"{when}: {problem}")

    def _hear(
        self,
        run_id: str,
        spec: SyncSpec | None,
        outcomes: Sequence[Outcome],
        *,
        killed: bool,
        strike: Strike | HttpStrike | None,
    ) -> None:
        if spec in (None, PROFILES):
            self.profiles_settled = any(
                outcome.sync == PROFILES.name and outcome.report.get("pending") == 0 for outcome in outcomes
            )
        self.verdict.runs += len(outcomes) + killed
        self.verdict.kills += killed
        if killed:
            self._tell(f"{run_id} {spec.name if spec else ''} killed by {strike}")
        for outcome in outcomes:
            self.verdict.cpu_seconds += outcome.cpu_seconds
            last = outcome.text.strip().splitlines()[-1:]
            self._tell(f"{run_id} {outcome.sync} {outcome.ended} {outcome.report or last}")
            if outcome.ended == "crashed":
                self._complain(f"{run_id}: {outcome.sync} crashed: {outcome.text[-1500:]}")
            for leak in leaks(outcome.text, f"what {outcome.sync} logged, printed or raised"):
                self._complain(f"{run_id}: {leak}")
            if outcome.ended == "succeeded":
                for problem in self._misreported(outcome):
                    self._complain(f"{run_id}: {problem}")
        if not killed and not outcomes:
            self._complain(f"{run_id}: the process ended without a word")

    def _misreported(self, outcome: Outcome) -> Iterator[str]:
        """A row of the model is in one of unchanged, confirmed, rejected, pending."""
        report = outcome.report
        added = report["confirmed"] - report["by_operation"].get("remove", 0)
        rows = len(self.models.of(outcome.sync))
        told = report["unchanged"] + report["rejected"] + added + report["pending"]
        if not report["planned"] and told != rows:
            yield f"{outcome.sync} accounts for {told} of {rows} rows: {report}"

    def _pass_time(self, by: timedelta) -> None:
        self.sandbox.clock.advance(by)
        self.editor.now = self.sandbox.clock.now()

    def _tell(self, line: str) -> None:
        self.verdict.story.append(line)

    def _complain(self, problem: str) -> None:
        self.verdict.violations.append(problem)
        self._tell(f"!!! {problem}")


def _is_quiet(outcome: Outcome) -> bool:
    return outcome.ended == "succeeded" and outcome.report["planned"] == outcome.report["pending"] == 0
