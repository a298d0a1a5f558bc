"""The fields of the pages that adopt, correct, move and replace a device, read into the register's."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from server.devices.labelcode import DeviceCode, is_device_id, read_code
from server.errors import InvalidError
from wire.vocabulary import Kind

KINDS: Final[Mapping[str, str]] = {
    Kind.GAS.value: "燃气",
    Kind.FIRE.value: "消防",
    Kind.ELECTRIC.value: "用电",
    Kind.WATER.value: "水质",
    "": "其他",
}
DATES: Final[Mapping[str, str]] = {
    "installed_on": "安装日期",
    "tested_on": "检测日期",
    "test_due_on": "下次检测",
    "ends_on": "到期日期",
}
MOVED: Final = ("building", "unit", "floor", "door")
"""What a form of moving says."""
_TEXTS: Final[Mapping[str, int]] = {"name": 200, "model": 100, "floor": 40, "door": 40}
_CODES: Final = ("building", "unit")


def read_entry(form: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a form says of a device, as fields of `server.devices.register.Entry`.

    A field that the form does not have stays as it is; one that is empty is taken away.

    Raises:
        InvalidError: a field is too long, or is no date.
    """
    values: dict[str, Any] = {}
    for name, most in _TEXTS.items():
        if name in form:
            values[name] = str(form[name]).strip()
            if len(values[name]) > most:
                raise InvalidError("填写的内容太长。")
    if "kind" in form:
        values["kind"] = str(form["kind"])
        if values["kind"] not in KINDS:
            raise InvalidError("没有这个类别。")
    for name in _CODES:
        if name in form:
            values[name] = str(form[name]).strip() or None
    for name in DATES:
        if name in form:
            values[name] = _date(str(form[name]))
    _check_order(values)
    return values


def read_reason(form: Mapping[str, Any], *, otherwise: str = "") -> str:
    """Return why something is done.

    Raises:
        InvalidError: nothing is said, and nothing can be said otherwise.
    """
    reason = str(form.get("reason", "")).strip()[:500] or otherwise
    if not reason:
        raise InvalidError("请写明原因。")
    return reason


def read_successor(form: Mapping[str, Any], gateway: str, device: str) -> DeviceCode:
    """Return what comes in the place of a device: the same id where the new one took over its address.

    Args:
        form: `new_device` is an id on the same gateway, or a whole code as a label has it.
        gateway: of what is replaced.
        device: its id there.

    Raises:
        InvalidError: it is no device's code.
    """
    typed = str(form.get("new_device", "")).strip()
    if typed in {"", device}:
        return DeviceCode(gateway, device)
    if is_device_id(typed):
        return DeviceCode(gateway, typed)
    found = read_code(typed)
    if found is None:
        raise InvalidError("新设备的编号不对。标签上写的是“网关编号/设备编号”。")
    return found


def _date(text: str) -> date | None:
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise InvalidError("日期写成 2026-12-24 这样，或者留空。") from None


def _check_order(values: Mapping[str, Any]) -> None:
    """Refuse dates that cannot be: two fields were mixed up on a small screen."""
    installed, ends = values.get("installed_on"), values.get("ends_on")
    tested, due = values.get("tested_on"), values.get("test_due_on")
    if installed and ends and ends < installed:
        raise InvalidError("到期日期比安装日期早，请检查。")
    if tested and due and due < tested:
        raise InvalidError("下次检测比检测日期早，请检查。")
