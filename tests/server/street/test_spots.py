"""A leader reads where to go, and does not take a floor for a door."""

import pytest

from server.places.spots import name_floor, name_nearby, name_spot


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("2", "2层"),
        (" 12 ", "12层"),
        ("03", "3层"),
        ("-1", "地下1层"),
        ("B2", "地下2层"),
        ("b1", "地下1层"),
        ("二楼", "二楼"),
        ("2楼", "2楼"),
        ("夹层", "夹层"),
        ("2-3", "2-3"),
        ("1-", "1-"),
        ("", ""),
    ],
)
def test_a_bare_number_of_a_floor_gets_its_word(written, said):
    assert name_floor(written) == said


def test_a_spot_leaves_out_what_nobody_wrote():
    assert name_spot("东苑", "", "3号楼", floor="2", door="201") == "东苑 3号楼 2层 201"
    assert name_spot("", floor="", door="") == ""


@pytest.mark.parametrize(
    ("whole", "said"),
    [
        ("东社区 东苑 3号楼 2层 201", "东苑 3号楼 2层 201"),
        ("东苑 3号楼 2层 201", "东苑 3号楼 2层 201"),
        ("东社区 幸福社区 3号楼", "幸福社区 3号楼"),
        ("幸福社区 3号楼", "幸福社区 3号楼"),
        ("东社区 3号楼 2层 201", "东社区 3号楼 2层 201"),
    ],
)
def test_who_lives_there_is_not_told_the_community_where_an_estate_says_which_building(whole, said):
    assert name_nearby(whole) == said
