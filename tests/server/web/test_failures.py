"""Why a message did not arrive: in the reader's words, a provider's code as it is."""

import ast
from pathlib import Path

import pytest

import server.notify
from server.web.failures import tell_failure
from server.web.language import translations

SOURCES = Path(server.notify.__file__).parent


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("no address", "没有地址"),
        ("status 503", "对方的服务器回答 503"),
        ("status 200 without a code", "对方的服务器回答 200"),
        ("no answer within 10 s", "10 秒没有回答"),
        ("entry door is no address", "机器人 door 的地址不对"),
        (
            "address refused: the address is not a public one",
            "这个地址不许发送：它在内部网络里，或者写得不对",
        ),
        ("isv.BUSINESS_LIMIT_CONTROL", "isv.BUSINESS_LIMIT_CONTROL"),
        ("errcode 81013", "errcode 81013"),
        ("", ""),
    ],
)
def test_own_words_are_told_and_a_code_stays(reason, said):
    assert tell_failure(reason, str) == said


def test_an_english_reader_reads_english():
    assert tell_failure("no answer within 10 s", translations("en").gettext) == "no answer within 10 s"


def written_down(path):
    """Yield the reasons that a module writes, with a figure where something is put in."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        value = None
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Outcome":
            value = next((word.value for word in node.keywords if word.arg == "reason"), None)
        elif isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Attribute) and target.attr == "last_error" for target in node.targets
        ):
            value = node.value
        if isinstance(value, ast.Constant):
            yield value.value
        elif isinstance(value, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else "500" for part in value.values)


def test_every_word_that_is_written_down_is_told():
    found = {reason for path in SOURCES.rglob("*.py") for reason in written_down(path)} - {""}
    assert {"no address", "no such member", "status 500", "no entry 500"} <= found
    assert [reason for reason in found if tell_failure(reason, str) == reason] == []
