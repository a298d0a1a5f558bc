"""Which configuration is in force: the newest on trial, or the last good one; decided without a gateway."""

import msgspec
import pytest

from edge.site.siteloader import SiteError
from edge.site.trial import (
    MOST_TRIAL_STARTS,
    TRIAL_MS,
    TrialRecord,
    Verdict,
    choose_site,
    judge_trial,
    keep,
    load_record,
    refuse,
    save_record,
    state_folder,
)
from tests.edge.config.test_site_file import GOOD

CHANGED = GOOD.replace("above: 25", "above: 20")
MOVED = GOOD.replace("port: 1883", "port: 8883")


class Machine:
    """A gateway's folder; `start` is what a start of the process does."""

    def __init__(self, folder):
        self.path = folder / "site.yaml"

    def write(self, text):
        self.path.write_text(text)

    def start(self, *, boot="boot-1", **more):
        chosen = choose_site(self.path, boot=boot, **more)
        folder = state_folder(chosen.site)
        folder.mkdir(exist_ok=True)
        save_record(folder, chosen.record)
        return chosen

    def limit(self, **more):
        return self.start(**more).site.settings.rules[0].above


@pytest.fixture
def machine(tmp_path):
    made = Machine(tmp_path)
    made.write(GOOD)
    return made


def test_the_first_file_has_nothing_to_go_back_to_and_is_kept(machine):
    chosen = machine.start()
    assert not chosen.on_trial
    machine.write("nonsense")
    again = machine.start()
    assert again.site.settings.rules[0].above == 25.0
    assert again.site.path == machine.path
    assert again.rejected.startswith(f"{machine.path}:1:1: ")
    assert len(again.rejected_hash) == 64


def test_a_bad_file_without_a_good_one_before_it_is_refused(machine):
    machine.write("nonsense")
    with pytest.raises(SiteError):
        machine.start()


def test_a_changed_file_is_on_trial_until_it_is_kept(machine):
    machine.start()
    machine.write(CHANGED)
    chosen = machine.start()
    assert chosen.on_trial
    assert chosen.site.settings.rules[0].above == 20.0
    keep(chosen.site)
    assert not machine.start().on_trial
    machine.write("nonsense")
    assert machine.limit() == 20.0, "the kept one is the last good one"


def test_a_file_with_which_the_gateway_ends_again_and_again_is_rolled_back(machine):
    machine.start()
    machine.write(CHANGED)
    assert [machine.limit() for _ in range(MOST_TRIAL_STARTS)] == [20.0] * MOST_TRIAL_STARTS
    back = machine.start()
    assert back.site.settings.rules[0].above == 25.0
    assert "ended 3 times" in back.rejected
    assert not back.on_trial
    assert machine.limit(boot="boot-2") == 25.0, "a refused file stays refused after a power cut"


def test_a_person_who_asks_again_starts_a_new_trial(machine):
    machine.start()
    machine.write(CHANGED)
    for _ in range(MOST_TRIAL_STARTS + 1):
        machine.start()
    again = machine.start(anew=True, counted=False)
    assert again.on_trial
    assert again.site.settings.rules[0].above == 20.0
    machine.write(CHANGED.replace("above: 20", "above: 21"))
    assert machine.limit() == 21.0, "another file is another trial"


def test_starts_are_counted_over_all_and_since_the_machine_started(machine):
    records = [machine.start(boot=boot).record for boot in ("b1", "b1", "b2")]
    assert [(one.starts, one.starts_this_boot) for one in records] == [(1, 1), (2, 2), (3, 1)]
    assert machine.start(boot="b2", counted=False).record.starts == 3


def test_where_the_servers_address_changed_and_the_old_one_worked_only_the_server_counts(machine):
    first = machine.start()
    folder = state_folder(first.site)
    machine.write(MOVED)
    assert not machine.start().needs_server, "nobody knows whether the old one worked"
    save_record(folder, msgspec.structs.replace(load_record(folder), reached_hash=first.site.hash))
    assert machine.start().needs_server


@pytest.mark.parametrize(
    ("ran_ms", "all_attempted", "reached", "needs_server", "verdict"),
    [
        (0, True, True, False, Verdict.KEEP),
        (0, True, False, False, Verdict.WAIT),
        (0, False, True, False, Verdict.WAIT),
        (TRIAL_MS, True, False, False, Verdict.KEEP),
        (TRIAL_MS, True, False, True, Verdict.ROLL_BACK),
        (TRIAL_MS, False, True, False, Verdict.ROLL_BACK),
        (TRIAL_MS - 1, False, False, True, Verdict.WAIT),
    ],
)
def test_a_trial_is_judged(ran_ms, all_attempted, reached, needs_server, verdict):
    assert (
        judge_trial(ran_ms=ran_ms, all_attempted=all_attempted, reached=reached, needs_server=needs_server)
        is verdict
    )


def test_a_record_that_cannot_be_read_is_begun_anew(tmp_path):
    save_record(tmp_path, refuse(TrialRecord(trial_hash="a"), "because"))
    assert load_record(tmp_path).refused_hash == "a"
    (tmp_path / "configuration.json").write_bytes(b"\x00torn")
    assert load_record(tmp_path) == TrialRecord()
