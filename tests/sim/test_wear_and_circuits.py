"""What load and years do: cables, batteries, cells, feeders."""

from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.circuits import CHARRING_C, Cable, Feeders
from firmware_sim.physics import River, Room, World
from firmware_sim.wear import DAYS_A_YEAR, Wear


def test_a_sound_cable_stays_cool_under_its_load():
    cable = Cable(current_a=16)
    cable.advance(86_400)
    assert 30 < cable.temperature_c < 70
    assert cable.residual_ma == pytest.approx(35)


def test_a_bad_joint_under_load_heats_chars_and_leaks():
    cable = Cable(current_a=16, joint=20)
    cable.advance(120)
    assert cable.temperature_c < CHARRING_C
    assert cable.charred == 0
    cable.advance(1800)
    assert cable.temperature_c > CHARRING_C
    assert cable.residual_ma > 300, "what a monitor must see: GB 50116-2013, 9.2.3"


def test_what_is_charred_stays_charred_when_the_load_is_gone():
    cable = Cable(current_a=16, joint=20)
    cable.advance(3600)
    cable.current_a = 0
    cable.advance(86_400)
    assert cable.temperature_c == pytest.approx(24, abs=0.1)
    assert cable.residual_ma > 300


@given(st.floats(1, 20_000), st.integers(1, 30), st.floats(1, 40), st.floats(20, 400))
def test_a_cable_does_not_care_how_its_time_is_cut(seconds, parts, joint, start_c):
    whole = Cable(current_a=16, joint=joint, temperature_c=start_c)
    cut = Cable(current_a=16, joint=joint, temperature_c=start_c)
    whole.advance(seconds)
    for _ in range(parts):
        cut.advance(seconds / parts)
    assert cut.temperature_c == pytest.approx(whole.temperature_c, rel=1e-6)
    assert cut.charred == pytest.approx(whole.charred, rel=1e-6, abs=1e-9)


def test_a_sensor_grows_dull_wanders_and_ends():
    wear = Wear(life_days=1000, loss_per_year=0.1, drift_per_day=0.01)
    assert wear.show(50, 0) == 50
    assert wear.show(50, DAYS_A_YEAR) == pytest.approx(45 + 3.65, abs=0.01)
    assert wear.show(50, 1000) == pytest.approx(10), "a spent cell shows its drift, not the gas"
    assert wear.cell_life_h(999) == 24
    assert wear.cell_life_h(5000) == 0


def test_a_battery_drains_and_the_device_falls_silent():
    wear = Wear(battery_days=100)
    assert (wear.battery_percent(0), wear.battery_percent(50), wear.battery_percent(200)) == (100, 50, 0)
    assert wear.battery_v(0) == pytest.approx(3.6)
    assert wear.battery_v(98) < 3.2 < wear.battery_v(85)
    assert [wear.is_dead(day) for day in (99, 100)] == [False, True]
    assert Wear().battery_percent(10_000) is None


def test_a_feeder_takes_along_what_hangs_on_it():
    feeders = Feeders()
    feeders.connect("a", "F1")
    feeders.connect("b", "F1")
    feeders.connect("c", "F2")
    assert feeders.switch("F1", on=False) == {"a", "b"}
    assert feeders.switch("F1", on=False) == frozenset(), "it is dead already"
    assert feeders.switch("F1", on=True) == {"a", "b"}


def test_somebody_who_hears_the_siren_opens_the_window():
    def kitchen(**more):
        return Room(volume_m3=8, ventilation_m3_s=0.01, gas_lel=40, siren_on=True, **more)

    alone, heard = kitchen(), kitchen(opens_after_s=20)
    for room in (alone, heard):
        room.advance(19)
    assert alone.gas_lel == pytest.approx(heard.gas_lel)
    for room in (alone, heard):
        room.advance(40)
    assert heard.gas_lel < 10 < alone.gas_lel
    assert heard.window_open


def test_a_spill_passes_down_the_river():
    river = River(hour=12)
    clean = asdict(river)
    river.spill_mg_l = 12
    river.advance(1)
    assert river.dissolved_oxygen_mg_l < 3, "under class IV: GB 3838-2002"
    assert river.conductivity_ms_cm > clean["conductivity_ms_cm"]
    assert river.ph < clean["ph"]
    river.advance(4 * 3600)
    assert river.dissolved_oxygen_mg_l > 7


def test_a_river_breathes_with_the_day():
    noon, night = River(hour=15), River(hour=3)
    for river in (noon, night):
        river.advance(1)
    assert noon.dissolved_oxygen_mg_l > night.dissolved_oxygen_mg_l + 2


def test_the_same_seed_gives_the_same_numbers():
    def run(seed):
        world = World(seed=seed)
        for _ in range(50):
            world.advance(7)
        return world.mains.voltage_v, world.cable.temperature_c

    assert run(5) == run(5)
    assert run(5) != run(6)
