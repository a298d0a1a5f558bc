"""YAML that people write by hand, read strictly. The only importer of ruamel.

A site file is settings, not a program: what makes one place of it mean another (anchors, aliases,
merges), what makes its values something other than what they look like (tags, directives, bare
dates), and what no file of settings needs (several documents, deep nesting, megabytes) is refused
with its place. So every value stands exactly where an error can point to it, and no small file grows
into a large one in memory.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
)
from ruamel.yaml.reader import ReaderError

from edge.errors import ConfigError

MOST_BYTES: Final = 2_000_000
MOST_DEPTH: Final = 16
_MOST_DIGITS: Final = 300
_MOST_FINDINGS: Final = 50
_DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}([Tt ].*)?")
_NUMBER = re.compile(r"[-+.0-9_eExoa-fA-F]+")
_DIRECTIVE = re.compile(r"^%", re.MULTILINE)
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")

YamlMapping = CommentedMap
YamlList = CommentedSeq
Finding = tuple[int, int, str]
"""Line and column, from 1, and what was found there."""


class YamlTextError(ConfigError):
    """Bytes that are no YAML as people should write it, with every place that says so."""

    def __init__(self, findings: list[Finding]) -> None:
        """Keep the findings; the text has one line for each."""
        super().__init__("\n".join(f"{line}:{column}: {text}" for line, column, text in findings))
        self.findings = tuple(findings)


def read_yaml(data: bytes) -> Any:
    """Return the nodes of a YAML text; they know their places (`CommentedMap.lc`).

    Raises:
        YamlTextError: every reason why it cannot be used.
    """
    if len(data) > MOST_BYTES:
        raise YamlTextError([(1, 1, f"found {len(data)} bytes, allowed at most {MOST_BYTES}")])
    text = _decode(data)
    if directive := _DIRECTIVE.search(text):
        # ruamel asserts on versions that it does not know.
        line = text.count("\n", 0, directive.start()) + 1
        raise YamlTextError([(line, 1, "found a % directive, allowed none")])
    try:
        findings = list(_Survey().walk(text))
        if findings:
            raise YamlTextError(findings[:_MOST_FINDINGS])
        return YAML(typ="rt").load(text)
    except YAMLError as error:
        raise YamlTextError([_place(error, text)]) from error
    except (ValueError, TypeError, LookupError, AttributeError, AssertionError, RecursionError) as error:
        # ruamel's own stumbling over a value that no check here knows: still no traceback.
        raise YamlTextError([(1, 1, f"no YAML: {error}")]) from error


def plain_value(node: Any, *, numbers_as_keys: bool = False) -> Any:
    """Return a tree of ruamel's nodes as plain values, as strict validation wants them.

    Args:
        node: from `read_yaml`.
        numbers_as_keys: whether a key may be a number; otherwise every key is a word.
    """
    if isinstance(node, CommentedMap):
        name = _scalar if numbers_as_keys else str
        return {name(key): plain_value(value, numbers_as_keys=numbers_as_keys) for key, value in node.items()}
    if isinstance(node, CommentedSeq):
        return [plain_value(value, numbers_as_keys=numbers_as_keys) for value in node]
    return _scalar(node)


def _scalar(node: Any) -> Any:
    if isinstance(node, bool) or node is None:
        return node
    for kind in (int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node


def _decode(data: bytes) -> str:
    if data.startswith(_UTF16) or b"\x00" in data[:4]:
        raise YamlTextError([(1, 1, "found UTF-16 or UTF-32 text, allowed UTF-8; save it as UTF-8")])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line = before.count(b"\n") + 1
        column = len(before.rsplit(b"\n", 1)[-1].decode("utf-8", errors="replace")) + 1
        found = f"found byte 0x{data[error.start]:02X}, which is not UTF-8"
        raise YamlTextError([(line, column, f"{found} (GBK, perhaps?); save it as UTF-8")]) from error


@dataclass(slots=True)
class _Open:
    """A mapping or list that has begun and not ended."""

    is_mapping: bool
    at_key: bool


@dataclass(slots=True)
class _Survey:
    """Walks a text's events before anything is built from them."""

    documents: int = 0
    open: list[_Open] = field(default_factory=list)

    def walk(self, text: str) -> Iterator[Finding]:
        """Yield what settings may not contain."""
        for event in YAML(typ="safe", pure=True).parse(text):
            said = self._judge(event)
            if said:
                yield event.start_mark.line + 1, event.start_mark.column + 1, said
            if len(self.open) > MOST_DEPTH:
                return

    def _judge(self, event: Any) -> str:
        if isinstance(event, DocumentStartEvent):
            self.documents += 1
            return "found a second document (---), allowed one" if self.documents > 1 else ""
        if isinstance(event, CollectionEndEvent):
            self.open.pop()
            return ""
        return self._judge_node(event) if isinstance(event, NodeEvent) else ""

    def _judge_node(self, event: NodeEvent) -> str:
        is_key = False
        if self.open and self.open[-1].is_mapping:
            is_key = self.open[-1].at_key
            self.open[-1].at_key = not is_key
        if isinstance(event, CollectionStartEvent):
            is_mapping = isinstance(event, MappingStartEvent)
            self.open.append(_Open(is_mapping=is_mapping, at_key=is_mapping))
            if len(self.open) > MOST_DEPTH:
                return f"found nesting deeper than {MOST_DEPTH} levels"
            if is_key:
                return "found a mapping or list as key, allowed a word"
        if isinstance(event, AliasEvent):
            return f"found the alias *{event.anchor}, allowed none: write the settings out where they belong"
        if event.anchor is not None:
            return f"found the anchor &{event.anchor}, allowed none: write the settings out where they belong"
        if (tag := getattr(event, "tag", None)) is not None:
            return f"found the tag {tag}, allowed none"
        return _judge_scalar(event, is_key=is_key) if isinstance(event, ScalarEvent) else ""


def _judge_scalar(event: ScalarEvent, *, is_key: bool) -> str:
    value = str(event.value)
    if event.style is not None:  # in quotes, or a block of text: exactly what it looks like
        return ""
    if is_key and value == "<<":
        return "found a merge (<<), allowed none: write the settings out where they belong"
    if _DATE.fullmatch(value):
        return f"found {value!r}, which YAML reads as a date; put it in quotes"
    if len(value) > _MOST_DIGITS and _NUMBER.fullmatch(value):
        return f"found a number of {len(value)} characters, allowed at most {_MOST_DIGITS}"
    return ""


def _place(error: YAMLError, text: str) -> Finding:
    """Return where a YAML error is, and its text in one line."""
    if isinstance(error, ReaderError):
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before.rsplit("\n", 1)[-1]) + 1
        return line, column, f"found the control character #x{ord(text[error.position]):04X}, allowed none"
    if not isinstance(error, MarkedYAMLError):
        return 1, 1, f"no YAML: {' '.join(str(error).split())}"
    if isinstance(error, DuplicateKeyError):
        said = str(error.problem or "").split(" with value")[0]
        return *_position(error.problem_mark), f"{said}, a key may stand once"
    found = " ".join(str(error.problem or error.context or "no YAML").split())
    line, column = _position(error.problem_mark or error.context_mark)
    if error.context_mark is not None and found in _BEGUN_AND_NOT_ENDED:
        line, column = _position(error.context_mark)
        found = f"{' '.join(str(error.context).split())}: {found}"
    elif error.context_mark is not None and error.context_mark.line + 1 != line:
        found += f", in what began at line {error.context_mark.line + 1}"
    return line, column, f"no YAML: {found}{_hint(found, text, line)}"


_BEGUN_AND_NOT_ENDED: Final = ("could not find expected ':'", "found unexpected end of stream")
"""What ruamel says far behind the mistake, which is where the word or text began."""
_FULL_WIDTH = re.compile("[：，“”‘’｛｝［］]")


def _position(mark: Any) -> tuple[int, int]:
    return (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)


def _hint(found: str, text: str, line: int) -> str:
    if "\\t" in found or "\t" in found:
        return "; indent with spaces, never tabs"
    written = text.splitlines()[line - 1 : line]
    wide = _FULL_WIDTH.search(written[0]) if written else None
    return f"; the line has the full-width {wide[0]!r}, which YAML does not know" if wide else ""
