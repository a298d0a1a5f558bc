"""How `check` shows what was found in a site file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge.site.siteloader import Inspection, Problem


def as_lines(path: Path, found: Inspection) -> Iterator[str]:
    """Yield one line for each problem and warning, and a last one with the verdict."""
    yield from map(str, found.problems)
    for warning in found.warnings:
        yield f"{warning.file}:{warning.line}:{warning.column}: warning: {warning.text}"
    if found.site is None:
        count = len(found.problems)
        yield f"{path}: {count} problem{'s' if count != 1 else ''}; a gateway would not use this file"
        return
    settings = found.site.settings
    yield (
        f"{path}: good; gateway {settings.gateway}, {len(settings.buses)} buses, "
        f"{len(settings.devices)} devices, {len(settings.rules)} rules"
        + (f"; {len(found.warnings)} warnings" if found.warnings else "")
    )


def as_document(path: Path, found: Inspection) -> dict[str, Any]:
    """Return the same for programs."""
    return {
        "file": str(path),
        "good": found.site is not None,
        "hash": "" if found.site is None else found.site.hash,
        "problems": [_entry(one) for one in found.problems],
        "warnings": [_entry(one) for one in found.warnings],
    }


def _entry(problem: Problem) -> dict[str, Any]:
    return {"line": problem.line, "column": problem.column, "text": problem.text}
