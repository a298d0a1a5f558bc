"""Problems of import files told to people: which row and column, what is wrong, what to write instead. Pure.

The reader says them for programs, as `file:row:column: found …, allowed …` (see
`docs/places/import-files.md`). Here each of those sentences is taken apart into a Chinese text with its
values, which the catalogue knows in English as well. A sentence that is not known here is shown as it is.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from server.places.titles import column_title, sheet_title, words_of

_PLACE: Final = re.compile(r"(?P<sheet>\w+)\.csv:(?P<row>\d+):(?P<column>\d+): (?P<said>.*)", re.DOTALL)
_FIRST: Final = "A"
_LETTERS: Final = 26


@dataclass(frozen=True, slots=True)
class Said:
    """A Chinese text, the key of the catalogue, and the values for its places; several words are a tuple."""

    text: str
    values: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)

    def speak(self, translate: Callable[[str], str]) -> str:
        """Return it in a language; titles and words among the values are known to the catalogue too."""
        values = {
            name: "、".join(map(translate, value))
            if isinstance(value, tuple)
            else translate(value)
            if value
            else ""
            for name, value in self.values.items()
        }
        return translate(self.text) % values


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One problem for people.

    Attributes:
        sheet: the table's code, empty for a file that is none.
        row: its number in the file, the header being 1; 0 for a problem of a whole file.
        column: the column's letter, as spreadsheets show it.
        said: what is wrong.
        instead: what may stand there, where that is known.
    """

    sheet: str
    row: int
    column: str
    said: Said
    instead: Said | None = None


_ALLOWED: Final[tuple[tuple[re.Pattern[str], str], ...]] = tuple(
    (re.compile(pattern), text)
    for pattern, text in (
        (r"text", "不能为空"),
        (r"text on one line, without control characters", "一行文字，不能有换行或看不见的控制符"),
        (r"a value, not the error of a formula", "真正的内容；这是表格里公式的错误值，请改正公式"),
        (r"a code without slashes and bars", "不含斜杠和竖线的编码"),
        (
            r"a telephone number of digits, a plus sign may come first",
            "电话号码，只写数字，例如 13800000000；前面可以有加号",
        ),
        (r"a year from 1900 to 2199", "1900 到 2199 年之间的日期，请检查年份"),
        (r"at most (?P<most>\d+) characters", "最多 %(most)s 个字"),
        (r"a whole number from (?P<least>\d+) to (?P<most>\d+)", "%(least)s 到 %(most)s 的整数"),
        (r"a number of degrees", "以度为单位的数字，例如 120.5605"),
        (r"degrees between -(?P<most>\d+) and \d+", "-%(most)s 到 %(most)s 之间的度数"),
        (r"a date as YYYY-MM-DD", "日期，写成 2026-03-01"),
        (
            r"a time as YYYY-MM-DD HH:MM, in the street's time or with an offset",
            "日期和时间，写成 2026-03-01 08:00",
        ),
        (
            r"days of the week in order, 1 \(Monday\) to 7 \(Sunday\), e\.g\. 12345",
            "星期几，从 1（周一）到 7（周日）依次写，例如 12345",
        ),
        (r"a time of day as HH:MM, 00:00 to 24:00", "时刻，写成 08:00，最晚 24:00"),
        (r"a time of day as HH:MM, 00:00 to 23:59", "时刻，写成 08:00，最晚 23:59"),
        (r"a Monday as YYYY-MM-DD", "某个周一的日期，写成 2026-01-05"),
        (r"yes or no", "“是”或“否”"),
        (
            r"a polygon as WKT, e\.g\. POLYGON\(\(…\)\), or as a GeoJSON geometry",
            "边界，写成 WKT 或 GeoJSON",
        ),
        (r"POLYGON or MULTIPOLYGON, not (?P<found>\w+)", "面（POLYGON 或 MULTIPOLYGON），不是 %(found)s"),
        (r"a polygon whose edges do not cross", "边线不能相互交叉，请在绘图软件里修正"),
        (r"degrees, longitude before latitude", "度，先经度后纬度"),
        (r"an address that begins with http:// or https://", "以 http:// 或 https:// 开头的网址"),
        (
            r"an address that begins with rtsp://, rtsps://, http:// or https://",
            "以 rtsp://、rtsps://、http:// 或 https:// 开头的网址",
        ),
        (
            r"an address without a name and password, which do not belong into this file",
            "不带用户名和密码的网址，密码不能写进这个文件",
        ),
        (
            r"lower-case letters, digits and inner hyphens, at most 64",
            "小写字母、数字和中间的连字符，最多 64 个",
        ),
        (r"what matches (?P<pattern>.+)", "符合规则 %(pattern)s 的编码"),
        (
            r"a (?P<column>\w+) of (?P<sheet>\w+)\.csv",
            "“%(sheet)s”表里已有的“%(column)s”，先补上那一行或改正这里",
        ),
    )
)
"""What a cell may hold: the reader's words, and ours."""

_FOUND: Final[tuple[tuple[re.Pattern[str], str], ...]] = tuple(
    (re.compile(pattern, re.DOTALL), text)
    for pattern, text in (
        (r"found '' as (?P<column>\w+), allowed (?P<allowed>.+)", "“%(column)s”没有填写。"),
        (
            r"found '(?P<found>.*)' as (?P<column>\w+), allowed (?P<allowed>.+)",
            "“%(column)s”不能写“%(found)s”。",
        ),
        (r"found no such file, this one is needed", "缺少这张表，请一起上传。"),
        (
            r"found bytes that are not UTF-8, save the file as CSV UTF-8",
            "文字编码不对，请在表格软件里另存为“CSV UTF-8”，或上传 xlsx 文件。",
        ),
        (
            r"found no CSV: .*",
            "这一行附近的引号没有成对。请用表格软件打开检查，再另存为“CSV UTF-8”。",
        ),
        (r"found no header, allowed (?P<columns>.+)", "第一行没有列名，请从模板开始填写。"),
        (r"found no column (?P<column>\w+), needed is one", "缺少“%(column)s”这一列，请补上。"),
        (
            r"found a column '(?P<found>.*)', allowed (?P<columns>.+)",
            "不认识“%(found)s”这一列，请删去或改成模板里的列名。",
        ),
        (
            r"found the column (?P<column>\w+) a second time, allowed once",
            "“%(column)s”这一列出现了两次，请删去一列。",
        ),
        (r"found (?P<found>\d+) columns, allowed (?P<most>\d+)", "这一行有 %(found)s 格，应为 %(most)s 格。"),
        (
            r"found (?P<found>.+) a second time, first in row (?P<first>\d+)",
            "%(found)s 与第 %(first)s 行重复，请删去一行。",
        ),
        (
            r"found (?P<found>.+), allowed [\w/]+ of a row of (?P<sheet>\w+)\.csv",
            "“%(sheet)s”表里没有 %(found)s，先补上那一行或改正这里。",
        ),
        (r"found a grid that is its own parent", "网格不能是自己的上级，请改正上级网格。"),
        (r"found grids above one another: (?P<way>.+)", "上级网格绕成了圈：%(way)s，请改正其中一个。"),
        (
            r"found (?P<scope>\w+) for a (?P<role>\w+), allowed (?P<allowed>.+)",
            "“%(role)s”不能用“%(scope)s”这个范围。",
        ),
        (r"found an end that is not after the beginning", "结束必须晚于开始。"),
        (r"found somebody who stands in for themselves", "不能自己给自己代班，请换一个人。"),
        (r"found somebody who takes over from themselves", "不能自己接自己的班，请换一个人。"),
    )
)
"""What is wrong: the reader's words, and ours."""

_WHOLE: Final[tuple[tuple[re.Pattern[str], str], ...]] = tuple(
    (re.compile(pattern, re.DOTALL), text)
    for pattern, text in (
        (r"found no file", "没有选择文件。"),
        (r"the database is busy, try again", "数据库正忙，什么都没有导入，请再试一次。"),
        (r"the work ended early, .*", "处理中断，可能是内存不够；什么都没有导入，请再试一次。"),
        (
            r"(?P<file>.+): found no file of a street, allowed .*",
            "“%(file)s”不是这里的表，请按模板里的表名命名，例如 人员.csv。",
        ),
        (
            r"(?P<file>.+): found no Excel workbook \(\.xlsx\): .*",
            "“%(file)s”打不开，不是 Excel（.xlsx）文件。",
        ),
        (
            r"(?P<file>.+): found a sheet '(?P<found>.*)', allowed .*",
            "“%(file)s”里的工作表“%(found)s”不认识，请删去或改成模板里的表名。",
        ),
        (
            r"(?P<file>.+): found the table of '(?P<first>.*)' a second time.*",
            "“%(file)s”和“%(first)s”是同一张表，请只留一份。",
        ),
        (
            r"(?P<file>.+): found another kind of spreadsheet, allowed .*",
            "“%(file)s”读不了，请在表格软件里另存为不带密码的 Excel（.xlsx）。",
        ),
        (r"(?P<file>.+): found more than (?P<most>\d+) bytes inside", "“%(file)s”太大，请分几次上传。"),
        (
            r"(?P<file>.+): found no table for it, allowed .*",
            "“%(file)s”没有对应的表；边界只用于片区、社区和网格。",
        ),
        (r"(?P<file>.+): found no JSON: .*", "“%(file)s”不是完整的 GeoJSON 文件。"),
        (r"(?P<file>.+): found no FeatureCollection", "“%(file)s”不是完整的 GeoJSON 文件。"),
        (
            r"(?P<file>.+): found another crs, allowed .*",
            "“%(file)s”的坐标系不认识，请导出为 WGS 84 或 CGCS2000。",
        ),
        (
            r"(?P<file>.+): feature (?P<number>\d+): found no property code, or no geometry",
            "“%(file)s”第 %(number)s 个图形没有 code 属性或没有边界。",
        ),
        (
            r"(?P<file>.+): feature (?P<number>\d+): found (?P<found>.*) a second time",
            "“%(file)s”第 %(number)s 个图形的编码 %(found)s 重复。",
        ),
        (
            r"(?P<file>.+): found a feature '(?P<found>.*)', allowed a code of .*",
            "“%(file)s”里的编码“%(found)s”在表里没有。",
        ),
    )
)
"""What is wrong with a whole file: the reader's words, and ours."""


def tell(problem: str) -> Told:
    """Take one problem apart for people."""
    placed = _PLACE.fullmatch(problem)
    if placed is None:
        return Told(sheet="", row=0, column="", said=_whole(problem))
    sheet, said = placed["sheet"], placed["said"]
    row, column = int(placed["row"]), letter_of(int(placed["column"]))
    for pattern, text in _FOUND:
        found = pattern.fullmatch(said)
        if found is not None:
            values = {name: value for name, value in found.groupdict().items() if name != "allowed"}
            allowed = found.groupdict().get("allowed", "")
            name = values.get("column") or ("scope" if "scope" in values else "")
            return Told(
                sheet=sheet,
                row=row,
                column=column,
                said=_named(sheet, text, values),
                instead=_allowed(sheet, name, allowed),
            )
    return Told(sheet=sheet, row=row, column=column, said=Said("%(said)s", {"said": said}))


def _whole(problem: str) -> Said:
    for pattern, text in _WHOLE:
        found = pattern.fullmatch(problem)
        if found is not None:
            return Said(text, found.groupdict())
    return Said("%(said)s", {"said": problem})


def allowed_text(sheet: str, column: str, allowed: str) -> Said | None:
    """Return what a cell may hold, for people; None where nothing is said."""
    return _allowed(sheet, column, allowed)


def letter_of(number: int) -> str:
    """Return a column's letter as spreadsheets show it: 1 is A, 27 is AA."""
    letters = ""
    while number > 0:
        number, rest = divmod(number - 1, _LETTERS)
        letters = chr(ord(_FIRST) + rest) + letters
    return letters


def _allowed(sheet: str, column: str, allowed: str) -> Said | None:
    if not allowed:
        return None
    words = words_of(sheet, column)
    parts = allowed.split(", ")
    if words and all(part in words for part in parts):
        return Said("可以写：%(words)s", {"words": tuple(words[part] for part in parts)})
    for pattern, text in _ALLOWED:
        found = pattern.fullmatch(allowed)
        if found is not None:
            return _named(sheet, text, found.groupdict())
    return Said("可以写：%(words)s", {"words": tuple(parts)})


def _named(sheet: str, text: str, values: Mapping[str, str]) -> Said:
    """Give columns, sheets and words their titles."""
    named = dict(values)
    of = named.get("sheet", sheet)
    for name, title in (
        ("column", lambda word: column_title(of, word)),
        ("sheet", sheet_title),
        ("role", lambda word: words_of(sheet, "role").get(word, word)),
        ("scope", lambda word: words_of(sheet, "scope").get(word, word)),
    ):
        if name in named:
            named[name] = title(named[name])
    return Said(text, named)
