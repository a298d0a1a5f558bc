"""`gridwarden-edge rules …` and `readings …`: rules in words, recorded readings through them, recordings.

A running gateway's store is never opened: a copy of it is, or the file of a gateway that is stopped.
"""

import csv
import json
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import typer

rules = typer.Typer(help="What the rules say, and what they would have said.", no_args_is_help=True)
readings = typer.Typer(help="Recorded readings.", no_args_is_help=True)
SiteFile = Annotated[Path, typer.Argument(help="The site file (YAML).")]
Recording = Annotated[
    Path, typer.Argument(help="Readings: JSON lines, CSV, or a copy of a gateway's readings.db.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
_CLEARED_MS: Final = 1_000


def register_rules(app: typer.Typer) -> None:
    """Give a command line the commands about rules and readings."""
    app.add_typer(rules, name="rules")
    app.add_typer(readings, name="readings")


@rules.command("list")
def list_rules(site: SiteFile, *, as_json: AsJson = False) -> None:
    """Say every rule of a site in words."""
    engine = _engine(site)
    found = [
        {
            "rule": rule,
            "device": device,
            "class": watch.highest_class.value,
            "zh": watch.sentence[0],
            "en": watch.sentence[1],
            "hash": watch.hash,
        }
        for (rule, device), watch in engine.watches.items()
    ]
    if as_json:
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    for one in found:
        typer.echo(f"{one['rule']}\t{one['device']}\t{one['class']}\t{one['zh']}\t{one['en']}")


@rules.command()
def defaults(*, as_json: AsJson = False) -> None:
    """Say the rules that ship with the gateway, each with its clause and how sure that is."""
    from edge.site.ruledefaults import default_rules

    found = [
        {"use": one.name, "clause": one.clause, "confidence": one.confidence, **one.rule}
        for one in default_rules().values()
    ]
    if as_json:
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    for line in found:
        typer.echo(f"{line['use']}\t{line['confidence']}\t{line['clause']}")


@rules.command()
def replay(
    site: SiteFile,
    recording: Recording,
    *,
    raised: Annotated[
        Path | None,
        typer.Option(help="Alarms that were raised (JSON lines with rule, device, raised_at), to compare."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Put recorded readings through the rules of a site and print the alarms they would have raised.

    Ends with 0; with 1 when alarms were given to compare and they differ; with 2 when a file cannot be used.
    """
    from edge.errors import StoreError
    from edge.rules.replay import AlarmList
    from edge.rules.replay import replay as replay_rules
    from edge.stores.recorded import RecordingError, snapshots_of
    from edge.tools.progress import show_progress

    engine = _engine(site)
    found = AlarmList()
    try:
        rows = sorted(_rows(recording), key=lambda row: row.wall_ms)
        with show_progress("readings", len(rows) // 1000) as advance:
            snapshots = snapshots_of(_counted(rows, advance), engine.points, offset_ms=0)
            for _, decisions in replay_rules(engine, snapshots):
                found.add(decisions)
        known = None if raised is None else _raised(raised)
    except (RecordingError, StoreError, OSError, ValueError, KeyError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    said = [_as_line(one.alarm, one.cleared_at) for one in found.alarms]
    differences = [] if known is None else _differences(said, known)
    if as_json:
        typer.echo(json.dumps({"alarms": said, "differences": differences}, indent=2, ensure_ascii=False))
    else:
        for line in said:
            typer.echo(
                "\t".join(str(line[key]) for key in ("raised_at", "cleared_at", "device", "rule", "value"))
            )
        for text in differences:
            typer.echo(text)
        typer.echo(f"{len(rows)} readings, {len(said)} alarms", err=True)
    raise typer.Exit(1 if differences else 0)


@readings.command()
def export(
    store: Annotated[Path, typer.Argument(help="A copy of readings.db, or that of a stopped gateway.")],
    *,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV instead of JSON lines.")] = False,
) -> None:
    """Print the readings of a gateway's store, oldest first."""
    from edge.errors import StoreError
    from edge.stores.recorded import COLUMNS, as_record

    try:
        records = (as_record(row) for row in _rows(store))
        if as_csv:
            table = csv.DictWriter(sys.stdout, COLUMNS)
            table.writeheader()
            table.writerows(records)
            return
        for record in records:
            typer.echo(json.dumps(record, ensure_ascii=False))
    except (StoreError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error


def _engine(site: Path) -> Any:
    from edge.drivers.profile import shipped_profiles
    from edge.rules.engine import RuleEngine
    from edge.site.siteloader import SiteError, load_site
    from edge.site.siterules import rules_of

    try:
        settings = load_site(site).settings
    except SiteError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    profiles = shipped_profiles()
    return RuleEngine(
        rules=rules_of(settings),
        points={
            device.id: tuple((p.name, p.unit) for p in profiles[device.profile].points)
            for device in settings.devices
        },
        labels={device.id: device.label for device in settings.devices},
        boot="replay",
    )


def _rows(path: Path) -> Iterator[Any]:
    from edge.stores.recorded import read_lines, rows_of

    with path.open("rb") as file:
        is_store = file.read(15) == b"SQLite format 3"
    if is_store:
        for batch in _batches(path):
            yield from rows_of(batch)
        return
    with path.open(encoding="utf-8-sig", newline="") as lines:
        yield from read_lines(lines, origin=str(path))


def _batches(path: Path) -> Iterable[Any]:
    """Return the blocks of a store, from a copy: reading it must not change it."""
    from edge.errors import StoreError
    from edge.stores.storedreadings import read_store
    from edge.tools.occupancy import OccupiedError, hold_folder

    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "readings.db"
        try:
            with hold_folder(path.absolute().parent):
                for suffix in ("", "-wal"):
                    part = path.with_name(path.name + suffix)
                    if part.exists():
                        shutil.copyfile(part, copy.with_name(copy.name + suffix))
        except OccupiedError as error:
            raise StoreError(
                f"{path}: a gateway writes to this store; stop the gateway, or name a copy of {path.name} and"
                f" {path.name}-wal that was made while it was stopped"
            ) from error
        return read_store(copy)


def _counted(rows: Iterable[Any], advance: Any) -> Iterator[Any]:
    for number, row in enumerate(rows, start=1):
        if number % 1000 == 0:
            advance("")
        yield row


def _as_line(alarm: Any, cleared_at: Any) -> dict[str, Any]:
    return {
        "raised_at": alarm.raised_at.isoformat(timespec="milliseconds"),
        "cleared_at": None if cleared_at is None else cleared_at.isoformat(timespec="milliseconds"),
        "device": alarm.device,
        "rule": alarm.rule,
        "class": alarm.class_.value,
        "stage": alarm.stage,
        "value": alarm.value,
        "count": alarm.count,
        "sentence": alarm.sentence,
    }


def _raised(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def _differences(said: list[dict[str, Any]], known: list[dict[str, Any]]) -> list[str]:
    """Return what only the replay raised, and what only the gateway did; a second apart is the same."""
    left = list(known)
    texts: list[str] = []
    for one in said:
        same = next((other for other in left if _is_same(one, other)), None)
        if same is None:
            texts.append(f"only in the replay: {one['raised_at']} {one['device']} {one['rule']}")
        else:
            left.remove(same)
    return texts + [f"only on the gateway: {o['raised_at']} {o['device']} {o['rule']}" for o in left]


def _is_same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    from datetime import datetime

    if (one["rule"], one["device"]) != (other["rule"], other["device"]):
        return False
    apart = datetime.fromisoformat(one["raised_at"]) - datetime.fromisoformat(str(other["raised_at"]))
    return abs(apart.total_seconds()) * 1000 <= _CLEARED_MS
