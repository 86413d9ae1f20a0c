"""Steps of a rebuild: what is unchanged is left alone, what fails leaves the rest good."""

import pytest

from coagg import database
from coagg.database.fingerprint import NEVER, fingerprint, why
from coagg.errors import CoaggError
from coagg.rebuild import engine as rebuild
from coagg.rebuild.engine import Step


class Chain:
    """Three steps over facts that a test changes: load -> index, and a step beside them."""

    def __init__(self):
        self.facts = {"file": "a", "index": "one", "side": "x"}
        self.stands = {}  # what each result was made from
        self.done = []
        self.fails = set()

    def steps(self):
        return [
            self.step("load", "file"),
            self.step("index", "index", "load"),
            self.step("side", "side"),
        ]

    def step(self, name, fact, *needs):
        def run():
            if name in self.fails:
                raise CoaggError(f"{name} cannot be done")
            self.done.append(name)
            if name == "load":
                self.facts["index"] = f"index of {self.facts['file']}"
            self.stands[name] = fingerprint({fact: self.facts[fact]}).as_json()
            return f"{name} done"

        def why_now(connection):
            assert connection.read_only
            if name not in self.stands:
                return NEVER
            return why(self.stands[name], fingerprint({fact: self.facts[fact]}))

        return Step(name, why_now, run, needs)


def states(report):
    return {outcome.step: outcome.state for outcome in report.outcomes}


def test_a_second_rebuild_does_nothing(empty_settings):
    chain = Chain()
    first = rebuild.rebuild(empty_settings, chain.steps())
    assert states(first) == {"load": "done", "index": "done", "side": "done"}
    assert first.outcomes[0].why == "never done"
    again = rebuild.rebuild(empty_settings, chain.steps())
    assert set(states(again).values()) == {"unchanged"}
    assert chain.done == ["load", "index", "side"]


def test_a_change_is_named_and_carried_on(empty_settings):
    chain = Chain()
    rebuild.rebuild(empty_settings, chain.steps())
    chain.facts["file"] = "b"
    report = rebuild.rebuild(empty_settings, chain.steps())
    assert [(o.step, o.state, o.why) for o in report.outcomes] == [
        ("load", "done", "changed: file"),
        ("index", "done", "changed: index"),
        ("side", "unchanged", ""),
    ]


def test_a_dry_run_does_nothing_and_says_what_follows(empty_settings):
    chain = Chain()
    rebuild.rebuild(empty_settings, chain.steps())
    chain.facts["file"] = "b"
    report = rebuild.rebuild(empty_settings, chain.steps(), dry_run=True)
    assert [(o.state, o.why) for o in report.outcomes] == [
        ("would be done", "changed: file"),
        ("may be done", "follows load"),
        ("unchanged", ""),
    ]
    assert chain.done == ["load", "index", "side"]


def test_a_failure_leaves_the_rest_good_and_is_tried_again(empty_settings):
    chain = Chain()
    chain.fails.add("load")
    report = rebuild.rebuild(empty_settings, chain.steps())
    assert states(report) == {"load": "failed", "index": "left out", "side": "done"}
    assert [o.said for o in report.failed] == ["load cannot be done"]
    chain.fails.clear()
    report = rebuild.rebuild(empty_settings, chain.steps())
    assert states(report) == {"load": "done", "index": "done", "side": "unchanged"}


def test_two_rebuilds_are_kept_apart(empty_settings):
    chain = Chain()

    def second():
        with pytest.raises(CoaggError, match="another rebuild"):
            rebuild.rebuild(empty_settings, chain.steps())
        return "refused"

    outer = [Step("outer", lambda connection: NEVER, second)]
    assert states(rebuild.rebuild(empty_settings, outer)) == {"outer": "done"}
    assert chain.done == []


def test_force_does_everything_again(empty_settings):
    chain = Chain()
    rebuild.rebuild(empty_settings, chain.steps())
    rebuild.rebuild(empty_settings, chain.steps(), force=True)
    assert chain.done == ["load", "index", "side"] * 2
    with database.connect(empty_settings) as connection:
        done = "SELECT count(*) FROM ops.run_step WHERE state = 'done' AND why = 'asked for'"
        assert connection.execute(done).fetchone() == (3,)
