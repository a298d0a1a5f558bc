"""What was stored in Chinese is told in the reader's language, and nothing else is touched."""

import ast
import re
from pathlib import Path

import pytest

from server.items.sentences import COMPOSED, DEVICE_MOVED, HANDED_OVER, MATTERS, NOBODY_REACHED, STORED
from server.web.stored import place, place_patterns, told

ROOT = Path(__file__).parents[3]
CHINESE = re.compile(r"[\u3400-\u9fff]")
IN_TWO_LANGUAGES = "server/routing/sentences.py"
OUTWARD = ("server/notify/", "server/people/news.py")
"""Messages that go out to people are in their language, and no page shows their words."""


@pytest.mark.parametrize("sentence", sorted(STORED))
def test_every_stored_sentence_has_its_english(sentence):
    assert told(sentence, "zh_CN") == sentence
    assert not CHINESE.search(told(sentence, "en"))


@pytest.mark.parametrize("message", COMPOSED)
def test_a_composed_sentence_keeps_its_names_and_what_was_typed(message):
    fields = re.findall(r"%\((\w+)\)s", message)
    values = {name: f"<{name} 1>" for name in fields} | ({"why": "一\n二：三"} if "why" in fields else {})
    english = told(message % values, "en")
    assert not CHINESE.search(english.replace("一\n二：三", ""))
    assert all(value in english for value in values.values())


def test_a_reason_and_what_came_of_it_are_told_as_two_sentences():
    stored = f"由李建国负责，因为登记在1号微网格，李建国是副网格长。{NOBODY_REACHED}"
    assert told(stored, "en") == (
        "To 李建国, because it is registered in 1号微网格, 李建国 is the deputy grid leader."
        " Nobody could be told; the desk takes it."
    )


def test_who_was_taken_out_of_the_records_is_said_to_be_erased():
    stored = "由（已删除）负责，因为登记在1号微网格，（已删除）是网格长。"
    assert told(stored, "en") == (
        "To (erased), because it is registered in 1号微网格, (erased) is the grid leader."
    )


def test_places_say_floors_and_gateways_in_english_and_names_as_they_are():
    assert place("东社区 东苑 3号楼 2层 201", "en") == "东社区 东苑 3号楼 floor 2 201"
    assert place("3号楼 地下1层", "en") == "3号楼 basement 1"
    assert place("供电线路 F1", "en") == "Feeder F1"
    assert place("地点未登记（网关：一号网关）", "en") == "Place not registered (gateway: 一号网关)"
    assert place(MATTERS % {"n": 3}, "en") == "3 matters"
    assert place("二楼 3层阁楼 厨房 2 件事", "en") == "二楼 3层阁楼 厨房 2 件事"
    moved = DEVICE_MOVED % {"before": "东苑 1层", "after": "地点未登记", "why": "换到 1层"}
    assert told(moved, "en") == "The device was moved from “东苑 floor 1” to “Place not registered”: 换到 1层"


def test_a_reader_of_chinese_reads_what_is_kept():
    assert place_patterns("zh_CN") == ()
    for text in ("3 件事", "供电线路 F1", HANDED_OVER % {"who": "值班员"}):
        assert place(text, "zh_CN") == told(text, "zh_CN") == text


def test_no_chinese_sentence_is_put_together_where_nobody_can_tell_it_again():
    """An f-string in Chinese has no entry in a catalogue: it would be stored, and shown, as it is."""
    found = [
        f"{name}:{node.lineno}"
        for name, tree in _modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        and any(isinstance(part, ast.Constant) and CHINESE.search(part.value) for part in node.values)
    ]
    assert found == []


def _modules():
    for path in sorted((ROOT / "server").rglob("*.py")):
        name = str(path.relative_to(ROOT))
        if "node_modules" not in path.parts and name != IN_TWO_LANGUAGES and not name.startswith(OUTWARD):
            text = path.read_text(encoding="utf-8")
            if re.search(r"""\bf["'].*[\u3400-\u9fff]""", text):  # to read a module takes its time
                yield name, ast.parse(text)
