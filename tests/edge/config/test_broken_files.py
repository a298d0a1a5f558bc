"""Ninety broken site files: each mistake is said where it stands, none with a traceback, and nothing else."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge.cli import app
from edge.site.siteloader import SiteError, inspect_site, load_site

FOLDER = Path(__file__).parent / "broken"
EXPECTED = [
    ("alias-bomb", 1, 4, "found the anchor &a, allowed none: write the"),
    ("alias", 9, 4, "found the anchor &x, allowed none: write the"),
    ("alias", 10, 4, "found the alias *x, allowed none: write the"),
    ("anchor", 5, 5, "found the anchor &bus, allowed none: write the"),
    ("binary", 1, 1, "found UTF-16 or UTF-32 text, allowed UTF-8; save it"),
    ("bom-and-mistake", 2, 10, "found 'GW North', allowed at most 64 small letters,"),
    ("bus-is-text", 5, 5, "found 'kitchen', allowed a mapping of settings"),
    ("buses-empty", 4, 8, "found a list, allowed at least 1 entries"),
    ("buses-is-mapping", 5, 3, "found a mapping, allowed a list"),
    ("complex-key", 1, 3, "found a mapping or list as key, allowed a word"),
    ("control-character", 7, 80, "found the control character #x0007, allowed none"),
    ("custom-tag", 14, 12, "found the tag !percent, allowed none"),
    ("date-as-version", 1, 10, "found '2026-11-24', which YAML reads as a date; put"),
    ("decimal-comma", 14, 12, "found '25,5', allowed a number"),
    ("deep-mapping", 18, 64, "found nesting deeper than 16 levels"),
    ("deep-nesting", 18, 19, "found nesting deeper than 16 levels"),
    ("delay-too-long", 15, 17, "found 1000000, allowed a number of at most 86400"),
    ("devices-null", 7, 1, "found nothing, allowed a list"),
    ("devices-null", 10, 15, "found device 'gas-kitchen', allowed none"),
    ("devices-null", 15, 41, "found device 'valve', allowed none"),
    ("directive", 1, 1, "found a % directive, allowed none"),
    ("directive-of-an-unknown-version", 1, 1, "found a % directive, allowed none"),
    ("duplicate-bus", 6, 10, "found 'kitchen' a second time, an id may stand once"),
    ("duplicate-device", 8, 10, "found 'gas-kitchen' a second time, an id may stand"),
    ("duplicate-device", 13, 12, "found point 'gas_lel', allowed valve_closed"),
    ("duplicate-device", 17, 41, "found device 'valve', allowed gas-kitchen"),
    ("duplicate-key", 15, 5, 'found duplicate key "above", a key may stand once'),
    ("duplicate-section", 6, 1, 'found duplicate key "buses", a key may stand once'),
    ("empty", 1, 1, "found nothing, allowed a mapping of settings"),
    ("five-mistakes", 3, 33, "found 70000, allowed"),
    ("five-mistakes", 7, 28, "found bus 'kichen', allowed"),
    ("five-mistakes", 14, 12, "found 'high', allowed"),
    ("five-mistakes", 15, 11, "found 'smell', allowed"),
    ("fullwidth-colon", 2, 1, "no YAML: while scanning a simple key: could not"),
    ("fullwidth-comma", 3, 31, "no YAML: expected ',' or '}', but got ':'; the line"),
    ("gbk", 7, 80, "found byte 0xB2, which is not UTF-8 (GBK,"),
    ("huge-float", 14, 12, "found inf, allowed a finite number"),
    ("huge-integer", 3, 33, "found a number of 5000 characters, allowed at most"),
    ("id-in-chinese", 10, 9, "found '燃气', allowed at most 64 small letters,"),
    ("id-with-capitals", 10, 9, "found 'Gas-High', allowed at most 64 small letters,"),
    ("id-with-space", 10, 9, "found 'gas high', allowed at most 64 small letters,"),
    ("impossible-date", 1, 10, "found '2026-13-45', which YAML reads as a date; put"),
    ("include-tag", 9, 8, "found the tag !include, allowed none"),
    ("indent-list-item", 8, 4, "no YAML: expected <block end>, but found '<block"),
    ("indent-too-deep", 13, 7, "no YAML: expected <block end>, but found '<block"),
    ("indent-too-shallow", 14, 4, "no YAML: expected <block end>, but found '<block"),
    ("infinite-limit", 14, 12, "found inf, allowed a finite number"),
    ("latin1", 7, 80, "found byte 0xE9, which is not UTF-8 (GBK,"),
    ("limit-not-a-number", 14, 12, "found nan, allowed a finite number"),
    ("limit-out-of-range", 14, 12, "found 250, allowed less than 110: gas_lel never"),
    ("limit-with-unit", 14, 12, "found '25 %', allowed a number"),
    ("listener-without-address", 9, 5, "found no 'address', which is needed on this bus"),
    ("merge", 15, 5, "found a merge (<<), allowed none: write the"),
    ("misspelled-key-in-action", 17, 15, "found no 'device', which is needed here"),
    ("misspelled-key-in-action", 17, 33, "found 'devise', allowed device, undo; did you mean 'device'?"),
    ("missing-actuator", 17, 41, "found device 'vlave', allowed gas-kitchen, valve;"),
    ("missing-colon", 2, 1, "no YAML: while scanning a simple key: could not"),
    ("missing-space", 2, 1, "no YAML: while scanning a simple key: could not"),
    ("negative-hysteresis", 15, 17, "found -1, allowed a number of at least 0"),
    ("no-limit", 10, 5, "found neither above nor below, allowed"),
    ("norway-id", 8, 10, "found 'NO', allowed at most 64 small letters,"),
    ("norway-id", 17, 41, "found 'NO', allowed at most 64 small letters,"),
    ("norway", 15, 15, "found 'yes', allowed true or false"),
    ("null-document", 1, 1, "found nothing, allowed a mapping of settings"),
    ("null-in-serial-port", 5, 50, "found '/dev/a\\x00b', allowed a path that begins"),
    ("number-as-id", 8, 10, "found 9, allowed text; put it in quotes"),
    ("number-as-id", 17, 41, "found 9, allowed text; put it in quotes"),
    ("number-as-version", 1, 10, "found 1, allowed text; put it in quotes"),
    ("odd-baud", 5, 77, "found 9601, allowed 1200, 2400, 4800, 9600, 19200,"),
    ("one-unit-two-models", 8, 37, "found unit 1 of bus 'kitchen' with two profiles,"),
    ("only-comment", 1, 1, "found nothing, allowed a mapping of settings"),
    ("only-list", 1, 1, "found a list, allowed a mapping of settings"),
    ("only-scalar", 1, 1, "found 42, allowed a mapping of settings"),
    ("period-zero", 8, 50, "found 0, allowed a number of at least 0.02"),
    ("port-as-text", 3, 33, "found '1883', allowed a whole number"),
    ("port-too-large", 3, 33, "found 70000, allowed a number of at most 65535"),
    ("profile-on-wrong-bus", 7, 5, "found no 'address', which is needed on this bus"),
    ("profile-on-wrong-bus", 7, 55, "found profile 'honeywell-midas', which speaks"),
    ("profile-on-wrong-bus", 8, 5, "found no 'address', which is needed on this bus"),
    ("profile-on-wrong-bus", 8, 49, "found profile 'coil-relay', which speaks modbus;"),
    ("python-tag", 2, 10, "found the tag"),
    ("serial-port-of-windows", 5, 50, "found 'COM3', allowed a path that begins with /"),
    ("server-is-text", 3, 9, "found '127.0.0.1:1883', allowed a mapping of"),
    ("server-missing", 1, 1, "found no 'server', which is needed here"),
    ("tab-after-dash", 10, 4, "no YAML: found character '\\t' that cannot start any"),
    ("tab-indent", 14, 1, "no YAML: found character '\\t' that cannot start any"),
    ("technique-missing", 5, 5, "found no 'technique', which is needed here"),
    ("two-buses-one-port", 6, 47, "found '127.0.0.1:502', the port of bus 'kitchen';"),
    ("two-documents", 18, 1, "found a second document (---), allowed one"),
    ("two-limits", 15, 12, "found below 25 and above 5, allowed below the smaller"),
    ("two-listeners-one-port", 7, 44, "found 9000, which bus 'river' has already; one port"),
    ("unclosed-brace", 6, 8, "no YAML: expected ',' or '}', but got ':', in what"),
    ("unclosed-bracket", 13, 10, "no YAML: expected ',' or ']', but got ':', in what"),
    ("unclosed-quote", 1, 10, "no YAML: while scanning a quoted scalar: found"),
    ("unit-as-float", 8, 37, "found 9.0, allowed a whole number"),
    ("unit-in-octal", 8, 37, "found 511, allowed a number of at most 255"),
    ("unit-too-large", 8, 37, "found 256, allowed a number of at most 255"),
    ("unknown-action", 17, 20, "found action 'open_valve', allowed close_valve; did"),
    ("unknown-bus", 7, 28, "found bus 'kichen', allowed kitchen; did you mean"),
    ("unknown-class", 16, 12, "found 'urgent', allowed"),
    ("unknown-device-in-rule", 12, 15, "found device 'gas-kitchn', allowed gas-kitchen,"),
    ("unknown-key", 3, 27, "found 'prot', allowed"),
    ("unknown-point", 13, 12, "found point 'gas_lle', allowed"),
    ("unknown-profile", 7, 55, "found profile 'honeywell-midos', allowed"),
    ("unknown-rule-type", 11, 11, "found 'treshold', allowed"),
    ("unknown-section", 9, 1, "found 'rulez', allowed"),
    ("unknown-technique", 5, 30, "found 'modbus', allowed"),
    ("unstable-serial-port", 5, 50, "found '/dev/ttyUSB0', which may be another port"),
    ("utf16-without-mark", 1, 1, "found UTF-16 or UTF-32 text, allowed UTF-8; save it"),
    ("utf16", 1, 1, "found UTF-16 or UTF-32 text, allowed UTF-8; save it"),
]
"""File, line, column, and how the text begins."""
MORE_OF_THE_SAME = {"alias-bomb"}
"""Where the first of many is enough."""


def test_the_corpus_is_large_and_wholly_expected():
    names = {path.stem for path in FOLDER.iterdir()}
    assert len(names) >= 60
    assert names == {name for name, *_ in EXPECTED}


@pytest.mark.parametrize("name", sorted({name for name, *_ in EXPECTED}))
def test_every_mistake_is_said_where_it_stands_and_nothing_else(name):
    path = FOLDER / f"{name}.yaml"
    with pytest.raises(SiteError) as refusal:
        load_site(path)
    found = [(one.line, one.column, one.text) for one in refusal.value.problems]
    wanted = [(line, column, text) for file, line, column, text in EXPECTED if file == name]
    if name in MORE_OF_THE_SAME:
        assert len(found) <= 50
        found = found[: len(wanted)]
    assert [(line, column) for line, column, _ in found] == [(line, column) for line, column, _ in wanted]
    for (_, _, said), (_, _, beginning) in zip(found, wanted, strict=True):
        assert said.startswith(beginning)
        assert len(said) < 600


@pytest.mark.parametrize("name", ["five-mistakes", "deep-nesting", "binary", "empty"])
def test_check_prints_file_line_and_column_and_ends_with_1(name):
    path = FOLDER / f"{name}.yaml"
    result = CliRunner().invoke(app, ["check", str(path)])
    assert result.exit_code == 1
    assert result.exception is None or isinstance(result.exception, SystemExit)
    first = inspect_site(path).problems[0]
    assert result.stderr.startswith(f"{path}:{first.line}:{first.column}: ")
    assert "would not use this file" in result.stderr.splitlines()[-1]
    document = json.loads(CliRunner().invoke(app, ["check", str(path), "--json"]).stdout)
    assert document["good"] is False
    assert document["problems"][0] == {"line": first.line, "column": first.column, "text": first.text}
