"""Nothing of the pages stays Chinese for a reader of English, and no translation outlives its text."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CHINESE = re.compile(r"[\u3001-\u303f\u4e00-\u9fff\uff01-\uff60]")
"""Characters, and the punctuation that goes with them."""


@pytest.fixture(scope="module")
def messages():
    spec = importlib.util.spec_from_file_location("messages", ROOT / "deploy" / "messages.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def found(messages):
    return {message.id for message in messages.collect() if message.id}


def test_every_text_is_found(found):
    for text in ("已收到", "燃气泄漏", "首次启动码", "这个请求来自别的网站，已拒绝。", "更新于 %(at)s"):
        assert text in found


def test_every_text_has_its_english_and_no_english_is_left_over(messages, found):
    catalogue = messages.read_catalogue()
    translated = {message.id for message in catalogue if message.id and message.string}
    assert found - translated == set(), "run `make messages` and translate what it names"
    assert {message.id for message in catalogue if message.id} - found == set(), "run `make messages`"


def test_a_translation_keeps_the_places_of_the_values(messages):
    for message in messages.read_catalogue():
        if message.id:
            assert sorted(re.findall(r"%\(\w+\)s", message.id)) == sorted(
                re.findall(r"%\(\w+\)s", message.string)
            )


def test_no_chinese_stands_in_a_page_outside_of_its_texts():
    text = re.compile(r"""_\(\s*(?:"[^"]*"|'[^']*')""")
    for page in sorted((ROOT / "server" / "web" / "templates").rglob("*.html")):
        left = text.sub("_(", re.sub(r"\{#.*?#\}", "", page.read_text(encoding="utf-8"), flags=re.DOTALL))
        assert CHINESE.findall(left) == [], page.name
    for script in sorted((ROOT / "server" / "web" / "assets" / "src").rglob("*.ts")):
        left = re.sub(r"//.*", "", script.read_text(encoding="utf-8"))
        assert CHINESE.findall(left) == [], script.name
