"""The gateway's own page as HTML: Chinese first, English second. Pure; every value is escaped."""

from collections.abc import Iterable
from enum import StrEnum
from html import escape
from typing import Final

from edge.model import Moment
from edge.watch.answers import Answers, DeviceValues
from wire.messages import AlarmState, StatusMessage

_MEGABYTE: Final = 1_000_000
_SECOND_MS: Final = 1000
_FEW: Final = 5


class Language(StrEnum):
    """In which language the page speaks."""

    CHINESE = "zh-CN"
    ENGLISH = "en"


_ENGLISH: Final = {
    "网关": "Gateway",
    "请输入本机口令": "Enter this machine's code",
    "口令不对": "Wrong code",
    "进入": "Enter",
    "报警": "Alarms",
    "无报警": "No alarm",
    "总线": "Buses",
    "设备": "Devices",
    "平台": "Server",
    "已连接": "connected",
    "未连接": "not connected",
    "待确认报警": "Alarms not acknowledged",
    "待发送批次": "Batches of readings waiting",
    "丢弃的读数": "Readings shed",
    "磁盘剩余": "Disk free",
    "每日写入": "Written per day",
    "配置": "Configuration",
    "试运行": "on trial",
    "未采用的新配置": "A newer file was not taken",
    "时钟": "Clock",
    "可信": "trusted",
    "不可信": "not trusted",
    "报警仅存内存：磁盘故障": "Alarms live in memory only: the disk fails",
    "名称": "Name",
    "状态": "State",
    "无应答": "silent",
    "测点": "Point",
    "数值": "Value",
    "质量": "Quality",
    "多久以前": "Age",
    "从未收到": "never heard",
    "等级": "Class",
    "开始": "Since",
    "规则": "Rule",
    "秒": "s",
    "启动次数": "Starts",
    "温度": "Temperature",
    "规则还在积累数据": "Rules still gathering data",
}
_STYLE: Final = (
    "body{font:18px/1.5 system-ui,sans-serif;margin:1rem auto;max-width:64rem;padding:0 1rem;color:#111;"
    "background:#fff}table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}"
    "th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid #ccc}"
    ".bad{background:#8b0000;color:#fff;padding:.5rem .8rem;font-weight:bold}"
    "input,button{font:inherit;padding:.6rem 1rem}"
)


def render_login(language: Language, *, wrong: bool = False) -> str:
    """Return the page that asks for the code."""
    said = f'<p class="bad" role="alert">{_t("口令不对", language)}</p>' if wrong else ""
    label = _t("请输入本机口令", language)
    return _page(
        language,
        f'{said}<form method="post" action="/code"><label>{label} '
        '<input name="code" type="password" autocomplete="off" autofocus required></label> '
        f"<button>{_t('进入', language)}</button></form>",
    )


def render_page(answers: Answers, now: Moment, language: Language) -> str:
    """Return the page with everything the gateway knows of itself."""
    status = answers.status()
    connected = bool(answers.metrics()["connected"])
    parts = [
        f'<p class="bad">{_t("报警仅存内存：磁盘故障", language)}</p>' if status.volatile else "",
        _alarms(answers.alarms(), language),
        _summary(status, connected=connected, language=language),
        _buses(answers, language),
        _devices(answers.values(), language),
        f"<p>{escape(now.as_datetime().isoformat(timespec='seconds'))}</p>",
    ]
    return _page(language, "".join(parts), title=status.gateway)


def _page(language: Language, body: str, *, title: str = "") -> str:
    name = f"{_t('网关', language)} {escape(title)}".strip()
    return (
        f'<!doctype html><html lang="{language.value}"><head><meta charset="utf-8"><title>{name}</title>'
        '<meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="10">'
        f"<style>{_STYLE}</style></head><body><h1>{name}</h1>{body}</body></html>"
    )


def _t(text: str, language: Language) -> str:
    return text if language is Language.CHINESE else _ENGLISH[text]


def _alarms(alarms: list[AlarmState], language: Language) -> str:
    heading = f"<h2>{_t('报警', language)}</h2>"
    if not alarms:
        return f"{heading}<p>{_t('无报警', language)}</p>"
    rows = [
        (
            alarm.label or alarm.device,
            alarm.rule,
            alarm.class_.value,
            alarm.condition.value,
            "" if alarm.value is None else f"{alarm.value:g} {alarm.unit}",
            alarm.raised_at.isoformat(timespec="seconds"),
        )
        for alarm in alarms
    ]
    return heading + _table(("名称", "规则", "等级", "状态", "数值", "开始"), rows, language)


def _summary(status: StatusMessage, *, connected: bool, language: Language) -> str:
    waiting = {lane.lane.value: lane.waiting for lane in status.lanes}
    config, machine = status.config, status.machine
    rows: list[tuple[str, str]] = [
        ("平台", _t("已连接" if connected else "未连接", language)),
        ("待确认报警", str(waiting.get("alarms", 0))),
        ("待发送批次", str(waiting.get("readings", 0))),
        ("丢弃的读数", str(sum(lane.shed for lane in status.lanes))),
        ("磁盘剩余", _megabytes(status.disk_free_bytes)),
        ("每日写入", _megabytes(status.written_bytes_per_day)),
        ("时钟", _t("可信" if status.clock.value == "synced" else "不可信", language)),
    ]
    if status.warming_count:
        named = ", ".join(f"{one.rule} ({one.device})" for one in status.warming[:_FEW])
        more = " …" if status.warming_count > _FEW else ""
        rows.append(("规则还在积累数据", f"{status.warming_count}: {named}{more}"))
    if machine is not None and machine.cpu_temperature_c is not None:
        rows.append(("温度", f"{machine.cpu_temperature_c:.0f} °C"))
    if machine is not None and machine.starts is not None:
        rows.append(("启动次数", str(machine.starts)))
    if config is not None:
        trial = f" ({_t('试运行', language)})" if config.trial else ""
        rows.append(("配置", f"{config.version} {config.hash[:12]}{trial}"))
        if config.rejected:
            rows.append(("未采用的新配置", config.rejected))
    cells = "".join(f"<tr><th>{_t(name, language)}</th><td>{escape(value)}</td></tr>" for name, value in rows)
    return f"<table>{cells}</table>"


def _buses(answers: Answers, language: Language) -> str:
    rows = [
        (
            str(bus["bus"]),
            _t("已连接" if bus["connected"] else "未连接", language),
            ", ".join(bus["silent"]),
        )
        for bus in answers.buses()
    ]
    return f"<h2>{_t('总线', language)}</h2>" + _table(("名称", "状态", "无应答"), rows, language)


def _devices(devices: list[DeviceValues], language: Language) -> str:
    rows: list[tuple[str, ...]] = []
    for device in devices:
        name = device["label"] or device["device"]
        if not device["points"]:
            rows.append((name, "", _t("从未收到", language), "", ""))
        age_ms = device["age_ms"]
        age = "" if age_ms is None else f"{age_ms / _SECOND_MS:.0f} {_t('秒', language)}"
        for point in device["points"]:
            value = "–" if point["value"] is None else f"{point['value']:g} {point['unit']}"
            rows.append((name, point["point"], value, point["quality"], age))
    heads = ("名称", "测点", "数值", "质量", "多久以前")
    return f"<h2>{_t('设备', language)}</h2>" + _table(heads, rows, language)


def _table(heads: Iterable[str], rows: Iterable[tuple[str, ...]], language: Language) -> str:
    head = "".join(f"<th>{_t(text, language)}</th>" for text in heads)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _megabytes(count: int | None) -> str:
    return "–" if count is None else f"{count / _MEGABYTE:,.0f} MB"
