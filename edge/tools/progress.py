"""How far a longer piece of work has come, on standard error. The only importer of rich.

On a terminal a bar; elsewhere (a pipe, a log) nothing, so that nobody has to filter it out. rich keeps to
`NO_COLOR` and to the width of the terminal.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

Advance = Callable[[str], None]
"""Say that one more step is done, and what comes next."""


@contextmanager
def show_progress(label: str, steps: int) -> Iterator[Advance]:
    """Show a bar while the block runs.

    Args:
        label: what is going on.
        steps: how many steps there are.
    """
    console = Console(stderr=True)
    if not (console.is_terminal and sys.stderr.isatty()):
        yield lambda _: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(label, total=steps)
        yield lambda text: bar.update(task, advance=1, description=f"{label}: {text}" if text else label)
