"""Reads the site file and says every problem at once, each with its place."""

import difflib
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from edge.drivers.profile import shipped_profiles
from edge.errors import ConfigError
from edge.site.config import LoadedSite, SiteSettings
from edge.site.ruleconfig import CLOCK_PATTERN, RuleOrigin
from edge.site.ruledefaults import default_rules, expand_defaults, origins_of, type_of_default
from edge.site.settings import FILE_PATTERN, HOST_PATTERN, NAME_PATTERN
from edge.site.siteplausibility import site_warnings
from edge.site.sitereferences import check_references, check_tls_files
from edge.site.yamltext import YamlList, YamlMapping, YamlTextError, plain_value, read_yaml
from wire.topics import GATEWAY_PATTERN


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One problem of a site file; line and column count from 1."""

    file: str
    line: int
    column: int
    text: str

    def __str__(self) -> str:
        """Return `file:line:column: text`."""
        return f"{self.file}:{self.line}:{self.column}: {self.text}"


class SiteError(ConfigError):
    """A site file cannot be used."""

    def __init__(self, problems: list[Problem]) -> None:
        """Keep the problems; the text has one line for each."""
        super().__init__("\n".join(map(str, sorted(problems))))
        self.problems = tuple(sorted(problems))
        self.hash = ""
        """SHA-256 of the file's bytes, hexadecimal; empty for one that cannot be read."""


def load_site(path: Path) -> LoadedSite:
    """Read and check a site file.

    Raises:
        SiteError: every problem of it.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SiteError([Problem(str(path), 1, 1, f"cannot be read: {error.strerror}")]) from error
    return read_site(data, path)


def read_site(data: bytes, path: Path) -> LoadedSite:
    """Check a site file's bytes.

    Raises:
        SiteError: every problem of it.
    """
    digest = hashlib.sha256(data).hexdigest()
    try:
        settings, origins = _read_settings(data, path)
    except SiteError as error:
        error.hash = digest
        raise
    return LoadedSite(settings=settings, path=path, hash=digest, source=data, origins=origins)


def _read_settings(data: bytes, path: Path) -> tuple[SiteSettings, dict[str, RuleOrigin]]:
    tree = _parse(path, data)
    places = _Places(str(path), tree)
    said_by_site = plain_value(tree)
    plain, wrong_uses = expand_defaults(said_by_site)
    problems = [places.problem(where, text) for where, text in (*wrong_uses, *check_references(plain))]
    said = {where[:2] for where, _ in wrong_uses}
    try:
        settings = SiteSettings.model_validate(plain)
    except ValidationError as error:
        explained = [_explain(places, one) for one in error.errors() if not _is_echo(one, said)]
        raise SiteError([*explained, *problems]) from error
    if problems:
        raise SiteError(problems)
    return settings, origins_of(said_by_site)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """Everything that can be said of a site file.

    Attributes:
        site: None when it cannot be used.
        problems: why it cannot.
        warnings: what is allowed and seldom meant; of a file without problems.
    """

    site: LoadedSite | None
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


def inspect_site(path: Path) -> Inspection:
    """Read a site file and say everything about it; never raises."""
    try:
        site = load_site(path)
    except SiteError as error:
        return Inspection(site=None, problems=error.problems)
    unusable = file_problems(site)
    if unusable:
        return Inspection(site=None, problems=tuple(unusable))
    places = _Places(str(path), _parse(path, path.read_bytes()))
    found = site_warnings(site.settings, shipped_profiles(), path.absolute().parent)
    return Inspection(site=site, warnings=tuple(sorted(places.problem(*one) for one in found)))


def file_problems(site: LoadedSite) -> list[Problem]:
    """Return what is wrong with the files that a site file names, each with its place in it.

    They are no reason to refuse a configuration: a gateway whose certificate expired still alarms on the
    spot. Whoever checks or starts a gateway is told.
    """
    places = _Places(str(site.path), _parse(site.path, site.source))
    found = check_tls_files(site.settings, site.path.parent, datetime.now(UTC))
    return [places.problem(where, text) for where, text in found]


def site_schema() -> dict[str, Any]:
    """Return the JSON Schema of a site file, for editors."""
    schema = SiteSettings.model_json_schema(by_alias=True)
    rules = schema["properties"]["rules"]
    rules["items"] = {"anyOf": [rules["items"], _use_schema()]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Gridwarden site file",
        **schema,
    }


def _use_schema() -> dict[str, Any]:
    """Return the schema of an entry that uses a rule that ships; what it overrides is checked on loading."""
    listed = [
        {"const": rule.name, "title": rule.title["zh"], "description": rule.clause}
        for rule in default_rules().values()
    ]
    return {"type": "object", "required": ["use"], "properties": {"use": {"oneOf": listed}}}


def _parse(path: Path, data: bytes) -> YamlMapping:
    try:
        tree = read_yaml(data)
    except YamlTextError as error:
        raise SiteError([Problem(str(path), *finding) for finding in error.findings]) from error
    if not isinstance(tree, YamlMapping):
        found = "nothing" if tree is None else _show(plain_value(tree))
        raise SiteError([Problem(str(path), 1, 1, f"found {found}, allowed a mapping of settings")])
    return tree


class _Places:
    """Finds where something stands in the file."""

    def __init__(self, file: str, tree: YamlMapping) -> None:
        self._file = file
        self._tree = tree

    def problem(self, where: tuple[str | int, ...], text: str, *, at_key: bool = False) -> Problem:
        line, column = self._find(where, at_key=at_key)
        return Problem(self._file, line + 1, column + 1, text)

    def value(self, where: tuple[str | int, ...]) -> Any:
        node: Any = self._tree
        for step in where:
            try:
                node = node[step]
            except (KeyError, IndexError, TypeError):
                return None
        return node

    def keys(self, where: tuple[str | int, ...]) -> list[str]:
        node = self.value(where)
        return [str(key) for key in node] if isinstance(node, YamlMapping) else []

    def _find(self, where: tuple[str | int, ...], *, at_key: bool) -> tuple[int, int]:
        node: Any = self._tree
        place = (0, 0)
        for depth, step in enumerate(where):
            last = depth == len(where) - 1
            if isinstance(node, YamlMapping) and step in node:
                place = node.lc.key(step) if last and at_key else node.lc.value(step)
            elif isinstance(node, YamlList) and isinstance(step, int) and step < len(node):
                place = node.lc.item(step)
            else:
                break
            node = node[step]
        return place


def _explain(places: _Places, detail: ErrorDetails) -> Problem:
    """Turn one of pydantic's errors into found and allowed, at its place."""
    where = _strip(places, detail["loc"])
    kind, context = detail["type"], detail.get("ctx", {})
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _explain_choice(places, where, context)
    if kind == "missing":
        return places.problem(where[:-1], f"found no {where[-1]!r}, which is needed here")
    if kind == "extra_forbidden":
        allowed = _fields_beside(places, where)
        near = difflib.get_close_matches(str(where[-1]), allowed, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        listed = ", ".join(allowed) or "no further keys"
        return places.problem(where, f"found {where[-1]!r}, allowed {listed}{hint}", at_key=True)
    explain = _ALLOWED.get(kind)
    allowed_text = explain(context) if explain else detail["msg"].lower()
    if kind == "string_type" and isinstance(detail["input"], int | float):
        allowed_text += "; put it in quotes"
    return places.problem(where, f"found {_show(detail['input'])}, allowed {allowed_text}")


def _is_echo(detail: ErrorDetails, said: set[tuple[str | int, ...]]) -> bool:
    """Tell whether an error only follows from another one: a list is short because its entries are wrong."""
    if detail["loc"][:2] in said:
        return True
    found = detail["input"]
    return detail["type"] == "too_short" and isinstance(found, list) and bool(found)


_PATTERNS: Final = {
    NAME_PATTERN: "at most 64 small letters, digits, dots, hyphens and underscores",
    HOST_PATTERN: "a host's name or address alone",
    FILE_PATTERN: "a path that begins with /",
    CLOCK_PATTERN: "a time such as '22:30', in quotes",
    f"^{GATEWAY_PATTERN}$": "at most 64 small letters, digits and, inside, hyphens",
}


def _explain_choice(places: _Places, where: tuple[str | int, ...], context: dict[str, Any]) -> Problem:
    """Say which words may stand where a part says what it is."""
    key = str(context["discriminator"]).strip("'")
    if "tag" not in context:
        return places.problem(where, f"found no {key!r}, which is needed here")
    allowed = str(context["expected_tags"]).replace("'", "")
    return places.problem((*where, key), f"found {context['tag']!r}, allowed {allowed}")


_ALLOWED: Final[dict[str, Callable[[dict[str, Any]], str]]] = {
    "enum": lambda c: str(c["expected"]),
    "literal_error": lambda c: str(c["expected"]),
    "string_type": lambda _: "text",
    "int_type": lambda _: "a whole number",
    "int_from_float": lambda _: "a whole number",
    "float_type": lambda _: "a number",
    "finite_number": lambda _: "a finite number",
    "bool_type": lambda _: "true or false",
    "tuple_type": lambda _: "a list",
    "model_type": lambda _: "a mapping of settings",
    "model_attributes_type": lambda _: "a mapping of settings",
    "greater_than": lambda c: f"a number above {c['gt']:g}",
    "greater_than_equal": lambda c: f"a number of at least {c['ge']:g}",
    "less_than": lambda c: f"a number below {c['lt']:g}",
    "less_than_equal": lambda c: f"a number of at most {c['le']:g}",
    "string_pattern_mismatch": lambda c: _PATTERNS.get(c["pattern"], f"text that matches {c['pattern']}"),
    "string_too_long": lambda c: f"at most {c['max_length']} characters",
    "too_short": lambda c: f"at least {c['min_length']} entries",
}


def _strip(places: _Places, loc: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """Drop steps that pydantic adds and the file does not have; keep a missing last one."""
    where: tuple[str | int, ...] = ()
    for index, step in enumerate(loc):
        if places.value((*where, step)) is not None or index == len(loc) - 1:
            where = (*where, step)
    return where


def _fields_beside(places: _Places, where: tuple[str | int, ...]) -> list[str]:
    """Return the keys that may stand where an unknown one was found and are not there yet."""
    schema: Any = SiteSettings.model_json_schema(by_alias=True)
    node: Any = schema
    here: tuple[str | int, ...] = ()
    for step in where[:-1]:
        node = _chosen(places, schema, node, here)
        node = node.get("items" if isinstance(step, int) else "properties", {})
        node = node if isinstance(step, int) else node.get(step, {})
        here = (*here, step)
    return sorted(set(_chosen(places, schema, node, here).get("properties", {})) - set(places.keys(here)))


def _chosen(places: _Places, schema: Any, node: Any, here: tuple[str | int, ...]) -> Any:
    """Return what stands behind a node of the schema; of several kinds, the one that the file names there."""
    node = _resolve(schema, node)
    choice = node.get("discriminator")
    if choice is None:
        return node
    tag = places.value((*here, choice["propertyName"]))
    tag = type_of_default(places.value((*here, "use"))) if tag is None else tag
    reference = choice["mapping"].get(str(tag))
    return {} if reference is None else _resolve(schema, {"$ref": reference})


def _resolve(schema: Any, node: Any) -> Any:
    for choice in node.get("anyOf", ()):
        if "$ref" in choice:
            node = choice
            break
    reference = node.get("$ref")
    return node if reference is None else schema["$defs"][reference.rsplit("/", 1)[-1]]


def _show(value: Any) -> str:
    text = repr(value) if isinstance(value, str | int | float | bool) else type(value).__name__
    return {"NoneType": "nothing", "dict": "a mapping", "list": "a list"}.get(text, text[:80])
