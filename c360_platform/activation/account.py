"""Which Klaviyo account a sync's state speaks of, and the stop when the key belongs to another one.

Belongs here: asking for the account, comparing it with the ledger, forgetting a state that speaks of another
account. Does not belong here: what is sent afterwards (`engine`).

A state that was confirmed by one account says nothing about another: rows would count as sent that are not
there, and members as ours who are somebody else's. Klaviyo answers the question 15 times a minute, so it is
put once per process and key, and only by a run that has something to send or to settle.
"""

from __future__ import annotations

import threading
from datetime import datetime
from typing import TYPE_CHECKING

from c360_platform.activation.delivery import Run
from c360_platform.activation.errors import KlaviyoForbidden, SyncHeld
from c360_platform.activation.ledger import Ledger
from c360_platform.activation.ledger_tables import ledger_table

if TYPE_CHECKING:
    from c360_platform.activation.transport.client import Klaviyo
    from c360_platform.warehouse import Statement

_SHOWN = 2  # of an account's six characters
_asking = threading.Lock()
_accounts: dict[str, str] = {}  # by client identity; empty: the key must not ask


def account_of(klaviyo: Klaviyo) -> str:
    """The id of the account that the key belongs to; empty when the key lacks the scope accounts:read."""
    with _asking:
        if klaviyo.identity not in _accounts:
            try:
                _accounts[klaviyo.identity] = klaviyo.account_id()
            except KlaviyoForbidden:
                _accounts[klaviyo.identity] = ""
        return _accounts[klaviyo.identity]


def check_account(run: Run) -> bool:
    """Hold the run when its state speaks of another account; put the account on the run's record.

    To be called before the first call that writes. With `accept_account` the state is forgotten instead:
    then it returns True, no batch is open any more and everything is due anew.

    A key without the scope accounts:read may go on: it can do all that the sync needs, and the run says that
    nobody has looked.
    """
    account = account_of(run.klaviyo)
    if not account:
        run.say("the API key lacks the scope accounts:read: nobody checks that it is still the same account")
        return False
    records = AccountRecords(run.ledger)
    with run.ledger.warehouse.session():
        others = records.known() - {account}
        if not others:
            records.record(account, run.run_id)
            return False
        if not run.overrides.accept_account:
            raise SyncHeld(
                f"sync {run.spec.name}: the API key belongs to the account …{account[-_SHOWN:]}, but what "
                f"the ledger knows was confirmed by …{min(others)[-_SHOWN:]}: nothing was sent. Set the key "
                "of that account; if the shop has moved, accept the account once, then everything is sent "
                "anew"
            )
        records.forget(account, run.run_id, run.moment())
    run.say("the API key belongs to another account than before: everything is due anew")
    return True


class AccountRecords:
    """The account in the ledger of one sync."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.runs = ledger_table(ledger.warehouse, "runs")

    def known(self) -> set[str]:
        """The accounts whose answers the ledger holds: of what is in the state and of what is under way.

        One at most, and none in the ledger of a version that did not ask.
        """
        ledger = self.ledger
        rows = ledger.warehouse.table(
            f"select distinct account from {self.runs} where sync = {ledger.sync_literal} "
            "and account is not null and run_id in ("
            f"select run_id from {ledger.state} where sync = {ledger.sync_literal} union distinct "
            f"select run_id from {ledger.batches.table} where {ledger.batches.unsettled})"
        )
        return set(rows["account"].to_pylist())

    def record(self, account: str, run_id: str) -> None:
        """Put the account on the record of a run at work."""
        self.ledger.warehouse.execute(*self._recording(account, run_id))

    def forget(self, account: str, run_id: str, at: datetime) -> None:
        """Begin anew with this account: nothing is confirmed, under way or refused. All of it or nothing."""
        ledger, rejections = self.ledger, self.ledger.rejections
        statements: list[Statement] = [
            self._recording(account, run_id),
            (f"delete from {ledger.state} where sync = {ledger.sync_literal}", []),
            (
                f"update {rejections.table} set resolved_at = ? where {rejections.unresolved} "
                "and stage = 'klaviyo'",
                [at],
            ),
        ]
        under_way = ledger.open_batches
        if under_way:
            message = "the API key belongs to another account"
            statements.append(ledger.batches.closing(under_way, "failed", at, message))
        ledger.warehouse.transaction(statements)
        ledger.batches.forget(under_way)

    def _recording(self, account: str, run_id: str) -> Statement:
        return (
            f"update {self.runs} set account = ? where sync = {self.ledger.sync_literal} "
            "and finished_at is null and run_id = ?",
            [account, run_id],
        )
