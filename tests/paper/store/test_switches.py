"""The kill switch in the store: what places orders sees it in the same transaction."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import sqlalchemy as sa

from sequence_paper.store import Store
from sequence_paper.store.schema import MIGRATIONS
from sequence_paper.store.switches import KILL_SWITCH, KillSwitchOnError
from support.parents import ACCOUNT, PARENT, leg, route


def test_nothing_new_is_placed_while_it_is_on(store):
    store.switches.put_on(*ACCOUNT, "lost a leg")
    with pytest.raises(KillSwitchOnError, match="lost a leg"):
        store.routes.place(PARENT, route(1), [leg(1)])
    assert store.routes.by_graph(*ACCOUNT, PARENT.graph_id) is None
    assert store.routes.legs(PARENT.order_id) == []
    store.switches.clear(*ACCOUNT)
    assert store.routes.place(PARENT, route(1), [leg(1)]) == PARENT


def test_an_order_that_exists_is_still_the_answer_to_its_repetition(store):
    store.routes.place(PARENT, route(1), [leg(1)])
    store.switches.put_on(*ACCOUNT, None)
    assert store.routes.place(PARENT, route(1), [leg(1)]) == PARENT


def test_what_failed_by_it_may_be_kept(store):
    store.switches.put_on(*ACCOUNT, None)
    failed = replace(PARENT, failure=KILL_SWITCH)
    assert store.routes.place(failed, None, []) == failed


def test_no_round_follows_it(store):
    store.routes.place(replace(PARENT, more=True), route(1), [leg(1)])
    store.switches.put_on(*ACCOUNT, None)
    assert not store.routes.next_round(route(2), [leg(2, 2)])
    store.switches.clear(*ACCOUNT)
    assert not store.routes.next_round(route(2), [leg(2, 2)])
    stored = store.routes.by_graph(*ACCOUNT, PARENT.graph_id)
    assert (stored.more, stored.failure) == (False, KILL_SWITCH)


def test_it_is_of_one_account_and_mode_and_survives(store, url):
    first = store.switches.put_on("acct_1", "sandbox", "stop")
    again = store.switches.put_on("acct_1", "sandbox", None)
    assert again == first  # a client repeats its request: neither time nor reason changes
    assert store.switches.put_on("acct_1", "sandbox", "stop now").reason == "stop now"
    assert not store.switches.get("acct_1", "live").active
    assert not store.switches.get("acct_2", "sandbox").active
    reopened = Store(url)
    try:
        assert reopened.switches.active().keys() == {("acct_1", "sandbox")}
        assert not reopened.switches.clear("acct_1", "sandbox").active
    finally:
        reopened.close()
    assert store.switches.active() == {}


def test_keys_of_the_version_before_are_no_admins(tmp_path):
    """A database of version 1 has none of the columns that version 2 added."""
    url = f"sqlite:///{tmp_path / 'old.db'}"
    store = Store(url)
    key = store.accounts.mint_key(store.accounts.ensure("desk").account_id, "live", admin=True)
    store.close()
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for table, column in re.findall(r"ALTER TABLE (\w+) ADD COLUMN (\w+)", " ".join(MIGRATIONS[2])):
            connection.execute(sa.text(f"ALTER TABLE {table} DROP COLUMN {column}"))
        connection.execute(sa.text("DELETE FROM schema_version"))
        connection.execute(sa.text("INSERT INTO schema_version VALUES (1)"))
    engine.dispose()
    store = Store(url)
    try:
        caller = store.accounts.caller(key)
        assert caller is not None
        assert (caller.mode, caller.admin) == ("live", False)
    finally:
        store.close()
