"""What the sheets, columns and words of a street are called in Chinese; read as well as their codes. Pure.

A file may carry either: `grids.csv` with `code`, or `网格.csv` with `编码`; `micro`, or `微网格`.
"""

from collections.abc import Mapping
from typing import Final

SHEET_TITLES: Final[Mapping[str, str]] = {
    "areas": "片区",
    "communities": "社区",
    "estates": "小区",
    "grids": "网格",
    "blocks": "商务楼宇",
    "buildings": "楼栋",
    "units": "单元",
    "doors": "门户",
    "people": "人员",
    "duties": "职责",
    "duty_times": "值班时间",
    "absences": "请假",
    "swaps": "换班",
    "holidays": "节假日",
    "cameras": "摄像头",
    "gateways": "网关",
    "devices": "设备",
}

_COLUMNS: Final[Mapping[str, str]] = {
    "code": "编码",
    "name": "名称",
    "polygon": "边界",
    "datum": "坐标系",
    "area": "片区",
    "community": "社区",
    "address": "地址",
    "households": "户数",
    "residents": "人数",
    "kind": "类别",
    "parent": "上级网格",
    "purpose": "用途",
    "grid": "网格",
    "estate": "小区",
    "longitude": "经度",
    "latitude": "纬度",
    "feeder": "供电线路",
    "block": "商务楼宇",
    "floors": "层数",
    "building": "楼栋",
    "unit": "单元",
    "door": "门牌",
    "phone": "电话",
    "webhook_url": "通知网址",
    "active": "在岗",
    "person": "人员",
    "role": "角色",
    "scope": "范围",
    "days": "星期",
    "from": "开始",
    "until": "结束",
    "cycle_weeks": "轮换周数",
    "cycle_start": "轮换起始周一",
    "stand_in": "代班人",
    "taken_by": "接班人",
    "day": "日期",
    "counts_as": "按星期几",
    "gateway": "网关",
    "maintainer": "维护人",
    "installed_on": "安装日期",
    "device": "设备编号",
    "model": "型号",
    "floor": "楼层",
    "tested_on": "检测日期",
    "test_due_on": "下次检测",
    "ends_on": "到期日期",
    "responsible": "指定负责人",
}
_COLUMNS_OF: Final[Mapping[tuple[str, str], str]] = {
    ("people", "name"): "姓名",
    ("duties", "code"): "地点编码",
    ("duty_times", "code"): "地点编码",
    ("swaps", "code"): "地点编码",
    ("cameras", "address"): "画面地址",
    ("gateways", "gateway"): "网关编号",
    ("holidays", "name"): "节日",
}
"""Where a column of one sheet is called otherwise than elsewhere."""

ROLE_WORDS: Final[Mapping[str, str]] = {
    "leader": "网格长",
    "deputy": "副网格长",
    "officer": "综合网格专员",
    "duty_room": "值班室",
    "maintainer": "维护人员",
    "secretary": "社区书记",
    "desk": "指挥中心",
    "department": "部门联络人",
}
SCOPE_WORDS: Final[Mapping[str, str]] = {
    "grid": "网格",
    "estate": "小区",
    "block": "商务楼宇",
    "community": "社区",
    "street": "街道",
}
GRID_KINDS: Final[Mapping[str, str]] = {
    "micro": "微网格",
    "comprehensive": "综合网格",
    "dedicated": "专属网格",
}
_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "role": ROLE_WORDS,
    "scope": SCOPE_WORDS,
    "purpose": {
        "business": "商务楼宇",
        "park": "园区",
        "school": "学校",
        "market": "市场",
        "hospital": "医院",
        "other": "其他",
    },
    "active": {"yes": "是", "no": "否"},
}
_WORDS_OF: Final[Mapping[tuple[str, str], Mapping[str, str]]] = {
    ("grids", "kind"): GRID_KINDS,
    ("devices", "kind"): {
        "gas": "燃气",
        "fire": "消防",
        "electric": "用电",
        "water": "水",
        "contact": "通信",
    },
}

_OLD_WORDS: Final = {"小区值班室": "duty_room"}
"""A business block has a duty room too; files that were written before still say it of estates alone."""

_SHEETS: Final = {title: name for name, title in SHEET_TITLES.items()}


def sheet_named(text: str) -> str:
    """Return a sheet's code by its code or its Chinese title; the text itself where it is neither."""
    return _SHEETS.get(text.strip(), text)


def sheet_title(sheet: str) -> str:
    """Return a sheet's Chinese title."""
    return SHEET_TITLES.get(sheet, sheet)


def column_title(sheet: str, column: str) -> str:
    """Return a column's Chinese title."""
    return _COLUMNS_OF.get((sheet, column)) or _COLUMNS.get(column, column)


def columns_by_title(sheet: str, columns: Mapping[str, object]) -> dict[str, str]:
    """Return the codes of a sheet's columns by their Chinese titles."""
    return {column_title(sheet, column): column for column in columns}


def words_of(sheet: str, column: str) -> Mapping[str, str]:
    """Return the Chinese words of a column's codes; empty where it has none."""
    return _WORDS_OF.get((sheet, column)) or _WORDS.get(column, {})


def codes_of(sheet: str, column: str) -> dict[str, str]:
    """Return the codes of a column's Chinese words, and of those that older files have."""
    codes = {word: code for code, word in words_of(sheet, column).items()}
    return {**_OLD_WORDS, **codes} if column == "role" else codes
