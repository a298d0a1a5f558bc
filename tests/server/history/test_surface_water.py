"""Classes of surface water: the limits of GB 3838-2002, table 1."""

import pytest

from server.history.surfacewater import NAMES, WARNING, WaterClass, class_lines, judge


@pytest.mark.parametrize(
    ("point", "value", "class_"),
    [
        ("dissolved_oxygen_mg_l", 7.5, "I"),
        ("dissolved_oxygen_mg_l", 7.49, "II"),
        ("dissolved_oxygen_mg_l", 3.0, "IV"),
        ("dissolved_oxygen_mg_l", 1.9, "WORSE"),
        ("ammonia_nitrogen_mg_l", 0.15, "I"),
        ("ammonia_nitrogen_mg_l", 0.16, "II"),
        ("ammonia_nitrogen_mg_l", 2.0, "V"),
        ("ammonia_nitrogen_mg_l", 2.01, "WORSE"),
        ("permanganate_index_mg_l", 5.9, "III"),
        ("cod_mg_l", 15.0, "I"),
        ("cod_mg_l", 15.1, "III"),
        ("total_phosphorus_mg_l", 0.2, "III"),
        ("ph", 9.0, "I"),
        ("ph", 9.1, "WORSE"),
        ("ph", 5.9, "WORSE"),
    ],
)
def test_a_value_at_a_limit_still_keeps_it(point, value, class_):
    unit = "[pH]" if point == "ph" else "mg/L"
    assert judge(point, unit, value) is WaterClass[class_]


def test_what_the_standard_does_not_limit_in_rivers_has_no_class():
    assert judge("total_nitrogen_mg_l", "mg/L", 9.0) is None, "limits of nitrogen are for lakes"
    assert judge("turbidity_ntu", "[NTU]", 100.0) is None
    assert judge("cod_mg_l", "ug/L", 10.0) is None, "another unit is another number"
    assert class_lines("level_m", "m") == []


def test_limits_that_two_classes_share_are_one_line():
    assert class_lines("cod_mg_l", "mg/L") == [
        (15.0, "I、II类"),
        (20.0, "III类"),
        (30.0, "IV类"),
        (40.0, "V类"),
    ]
    assert [value for value, _ in class_lines("ph", "[pH]")] == [6.0, 9.0]


def test_every_class_has_a_name_and_the_warning_says_that_it_is_no_verdict():
    assert set(NAMES) == set(WaterClass)
    assert "GB 3838-2002" in WARNING
    assert "不能" in WARNING
