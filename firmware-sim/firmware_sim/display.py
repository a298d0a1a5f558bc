"""Progress bars and tables on a terminal: plain text where there is none."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table


@contextmanager
def progress(*, total: int) -> Iterator[Callable[[str, int], None]]:
    """Show a bar on standard error; gives what is called with a text and how far it went on.

    Args:
        total: how far there is to go.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda text, steps: bar.update(task, description=text, advance=steps)


def print_counts(title: str, counts: Mapping[str, int]) -> None:
    """Print how many there are of what."""
    print_table(title, ("", ""), [(name, f"{number:,}") for name, number in counts.items()])


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table: the first column is text, the others are numbers."""
    table = Table(title=title, title_justify="left", show_header=any(header))
    for index, name in enumerate(header):
        table.add_column(name, justify="right" if index else "left")
    for row in rows:
        table.add_row(*row)
    Console().print(table)
