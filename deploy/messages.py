"""Collects every text of the pages and brings the English catalogue up to date: `make messages`.

Chinese is the source: the message is its own key. Templates mark their texts with `_()`. In Python
every Chinese literal of the server counts, so that none can be forgotten; a text that is put together
when it is stored (a reason in a row) is made of such a message, and read back by it when it is shown.
"""

import ast
import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po
from jinja2.ext import babel_extract

ROOT = Path(__file__).parents[1]
SERVER = ROOT / "server"
CATALOGUE = SERVER / "web" / "locale" / "en" / "LC_MESSAGES" / "messages.po"
_CHINESE = re.compile(r"[\u3400-\u9fff]")
_TWO_LANGUAGES = "sentences.py"
"""`routing/sentences.py` holds both languages itself; `cli.py` speaks to a maintainer's terminal."""
_OPTIONS = {"trim_blocks": "true", "lstrip_blocks": "true", "silent": "false"}


def collect() -> Catalog:
    """Return every message with the file it stands in."""
    found = Catalog(project="gridwarden", fuzzy=False)
    for path in sorted((SERVER / "web" / "templates").glob("*.html")):
        for text in _in_template(path):
            found.add(text, locations=[(str(path.relative_to(ROOT)), 0)])
    for path in sorted(SERVER.rglob("*.py")):
        if _is_searched(path):
            for text in _in_module(path):
                found.add(text, locations=[(str(path.relative_to(ROOT)), 0)])
    return found


def update(known: Catalog, found: Catalog) -> Catalog:
    """Return a catalogue with exactly the found messages, translated as far as known."""
    fresh = Catalog(project="gridwarden", locale="en", fuzzy=False)
    for message in found:
        if message.id:
            before = known.get(message.id)
            fresh.add(message.id, before.string if before else "", locations=message.locations)
    return fresh


def read_catalogue() -> Catalog:
    """Return the English catalogue; an empty one when there is none."""
    if not CATALOGUE.exists():
        return Catalog(locale="en")
    with CATALOGUE.open("rb") as file:
        return read_po(file, locale="en")


def _is_searched(path: Path) -> bool:
    parts = path.relative_to(SERVER).parts
    return (
        not {"node_modules", "migrations", "assets"} & set(parts)
        and not (path.name == _TWO_LANGUAGES and "routing" in parts)
        and path.name != "cli.py"
    )


def _in_template(path: Path) -> Iterator[str]:
    with path.open("rb") as file:
        for _line, _function, message, _comments in babel_extract(file, ("_", "gettext"), [], _OPTIONS):
            text = message if isinstance(message, str) else next(iter(message or ()), None)
            if text:
                yield text


def _in_module(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    skipped |= {
        id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values
    }
    for node in ast.walk(tree):
        if id(node) in skipped or not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            continue
        if _CHINESE.search(node.value):
            yield node.value


def main() -> int:
    """Rewrite the catalogue; the exit code is 1 when messages still lack their English."""
    catalogue = update(read_catalogue(), collect())
    text = io.BytesIO()
    write_po(text, catalogue, sort_output=True, include_lineno=False, omit_header=True, width=100)
    head = b'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n"Language: en\\n"\n\n'
    CATALOGUE.write_bytes(head + text.getvalue())
    missing = [message.id for message in catalogue if message.id and not message.string]
    for message in missing:
        print(message)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
