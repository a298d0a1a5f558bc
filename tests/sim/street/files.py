"""Reading the files of a generated street."""

import csv
import io


def read_rows(folder, name):
    content = (folder / f"{name}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(io.StringIO(content)))


def read_street(folder):
    return {path.stem: read_rows(folder, path.stem) for path in folder.glob("*.csv")}
