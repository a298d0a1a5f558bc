"""What measured quantities are called, and which one of a device says most. Pure."""

from collections.abc import Iterable, Mapping
from typing import Final

NAMES: Final[Mapping[str, str]] = {
    "gas_lel": "可燃气体浓度",
    "gas_alarm": "燃气报警",
    "smoke_alarm": "烟雾报警",
    "smoke": "烟雾",
    "fire": "火警",
    "fault": "故障",
    "battery_percent": "电池电量",
    "battery_low": "电池电量低",
    "temperature_c": "温度",
    "humidity_percent": "湿度",
    "line_temperature_c": "线缆温度",
    "neutral_temperature_c": "零线温度",
    "residual_current_ma": "剩余电流",
    "current_a": "电流",
    "current_l1_a": "A相电流",
    "current_l2_a": "B相电流",
    "current_l3_a": "C相电流",
    "voltage_v": "电压",
    "voltage_l1_v": "A相电压",
    "voltage_l2_v": "B相电压",
    "voltage_l3_v": "C相电压",
    "power_w": "功率",
    "power_factor": "功率因数",
    "frequency_hz": "频率",
    "energy_kwh": "用电量读数",
    "energy_import_kwh": "正向用电量读数",
    "energy_export_kwh": "反向电量读数",
    "pressure_kpa": "压力",
    "level_m": "水位",
    "flow_l_s": "流量",
    "ph": "pH 值",
    "dissolved_oxygen_mg_l": "溶解氧",
    "dissolved_oxygen_percent": "溶解氧饱和度",
    "permanganate_index_mg_l": "高锰酸盐指数",
    "cod_mg_l": "化学需氧量",
    "ammonia_nitrogen_mg_l": "氨氮",
    "total_phosphorus_mg_l": "总磷",
    "total_nitrogen_mg_l": "总氮",
    "turbidity_ntu": "浊度",
    "conductivity_us_cm": "电导率",
    "suspended_solids_mg_l": "悬浮物",
    "water_leak": "漏水",
    "leak": "漏水",
    "tamper": "被拆动",
    "valve_closed": "阀门已关",
}
"""By the point's name; one that is not listed is called by it."""
_TELLING: Final = (
    "gas_lel",
    "residual_current_ma",
    "pressure_kpa",
    "level_m",
    "ammonia_nitrogen_mg_l",
    "dissolved_oxygen_mg_l",
    "power_w",
    "temperature_c",
    "line_temperature_c",
    "gas_alarm",
    "smoke_alarm",
    "fire",
)
"""What says most about a device, the first that it has."""


def name_of(point: str) -> str:
    """Return what people call a point."""
    return NAMES.get(point, point)


def main_point(points: Iterable[str]) -> str | None:
    """Return the point of a device that says most; None when it has none."""
    known = list(points)
    return next((point for point in _TELLING if point in known), known[0] if known else None)
