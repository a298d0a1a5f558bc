"""The words of the pages for the vocabularies of the code. Chinese is the source of gettext."""

from collections.abc import Mapping
from typing import Final

from server.devices.tables import CommandState
from server.escalation.canarystanding import Stage
from server.escalation.tables import DueKind
from server.items.model import ActorKind, Grouping, ItemState, Move, Outcome, ToldWay
from server.notify.tables import NoticeState
from server.people.tables import Role
from wire.vocabulary import ActionState, AlarmClass, CommandOutcome, Condition, Mode, Quality, Suppression

CANARY: Final[Mapping[Stage, str]] = {
    Stage.TAKEN_IN: "自检信发出后没有入库：查消息总线和接收",
    Stage.HANDED: "自检信入库后没有交给发送：查服务器",
    Stage.RECEIVED: "自检信交出后没有收回来：查网络和网页服务",
}
"""Where the message that tests the whole chain stopped."""
STATES: Final[Mapping[ItemState, str]] = {
    ItemState.NEW: "等人接手",
    ItemState.ACCEPTED: "已收到",
    ItemState.ON_SITE: "已到场",
    ItemState.DONE: "已处理，等设备确认",
    ItemState.VERIFIED: "已核实",
    ItemState.CLOSED: "已结束",
}
MOVES: Final[Mapping[Move, str]] = {
    Move.OPEN: "设备报警，生成事项",
    Move.RAISE: "再次报警",
    Move.ACCEPT: "已收到",
    Move.ARRIVE: "已到场",
    Move.FINISH: "已处理",
    Move.NEED_HELP: "需要帮助",
    Move.NOT_MINE: "不是我的",
    Move.FALSE_ALARM: "误报",
    Move.UNDO: "撤销上一步",
    Move.ESCALATE: "通知下一级",
    Move.RELEASE: "超时未到场，收回",
    Move.RETURN: "设备仍在报警，退回",
    Move.CLEAR: "设备恢复正常",
    Move.SUPERSEDE: "网关已更换，报警不再更新",
    Move.VERIFY: "人和设备都确认",
    Move.CLOSE: "结束",
    Move.REASSIGN: "转交",
    Move.CONFIRM_FALSE_ALARM: "确认误报",
    Move.REJECT_FALSE_ALARM: "不是误报",
    Move.CLOSE_EXCEPTION: "例外结束",
    Move.NOTE: "备注",
    Move.MERGE: "并入另一件事项",
    Move.UNMERGE: "从合并中分出",
    Move.SHELVE: "搁置",
    Move.CONFIRM_SHELF: "同意搁置",
    Move.UNSHELVE: "取消搁置",
    Move.REOPEN: "结束后又报警，重新打开",
    Move.LAPSE: "没等通知就已恢复",
}
ACTORS: Final[Mapping[ActorKind, str]] = {
    ActorKind.PERSON: "网格人员",
    ActorKind.OPERATOR: "值班员",
    ActorKind.GATEWAY: "网关",
    ActorKind.SYSTEM: "系统",
}
OUTCOMES: Final[Mapping[Outcome, str]] = {
    Outcome.HANDLED: "已处理",
    Outcome.FALSE_ALARM: "误报",
    Outcome.EXCEPTION: "例外结束",
    Outcome.LAPSED: "自行恢复",
}
GROUPINGS: Final[Mapping[Grouping, str]] = {Grouping.VISIT: "上门清单", Grouping.STORM: "多台设备同时失联"}
DUES: Final[Mapping[DueKind, str]] = {
    DueKind.STEP: "通知下一级",
    DueKind.ACCEPTANCE: "收回接手",
    DueKind.RECHECK: "复查",
    DueKind.HOLD: "看是否一起失联",
    DueKind.SPLIT: "分出仍失联的设备",
    DueKind.UNSHELVE: "取消搁置",
    DueKind.DIGEST: "汇总通知",
    DueKind.MORNING: "免打扰结束，通知那时值班的人",
    DueKind.REPEAT: "再次通知",
    DueKind.REACH: "查看是否有人收到",
    DueKind.ATTEND: "提醒接手的人",
}
CLASSES: Final[Mapping[AlarmClass, str]] = {
    AlarmClass.LIFE_SAFETY: "危及生命",
    AlarmClass.HAZARD: "有危险",
    AlarmClass.FAULT: "设备故障",
    AlarmClass.ADVICE: "提醒",
}
SHAPES: Final[Mapping[AlarmClass, str]] = {
    AlarmClass.LIFE_SAFETY: "▲",
    AlarmClass.HAZARD: "◆",
    AlarmClass.FAULT: "■",
    AlarmClass.ADVICE: "●",
}
"""A shape beside the colour: colour is never the only sign."""
MODES: Final[Mapping[Mode, str]] = {Mode.LIVE: "", Mode.TEST: "测试", Mode.DRILL: "演练"}
ROLES: Final[Mapping[Role, str]] = {
    Role.LEADER: "网格长",
    Role.DEPUTY: "副网格长",
    Role.OFFICER: "综合网格专员",
    Role.DUTY_ROOM: "值班室",
    Role.MAINTAINER: "维护人员",
    Role.SECRETARY: "社区书记",
    Role.DESK: "指挥中心",
    Role.DEPARTMENT: "部门联络人",
}
ROLES_BY_CODE: Final[Mapping[str, str]] = {role.value: name for role, name in ROLES.items()}
"""For roles that are kept as text."""
SETTLED: Final[Mapping[str, str]] = {
    "done": "已执行",
    "not_needed": "不再需要",
    "withdrawn": "已取消",
    "": "",
}
"""What became of something that was due."""
TOLD_WAYS: Final[Mapping[ToldWay, str]] = {
    ToldWay.NOW: "",
    ToldWay.DIGEST: "和那一小时的其他事项汇总通知",
    ToldWay.UPWARD: "当时事情太多，转给了下一步",
}
NOTICES: Final[Mapping[NoticeState, str]] = {
    NoticeState.PENDING: "待发",
    NoticeState.SENDING: "正在发",
    NoticeState.SENT: "已发出",
    NoticeState.DELIVERED: "已送达",
    NoticeState.READ: "已读",
    NoticeState.FAILED_TEMPORARY: "暂时失败，会再发",
    NoticeState.FAILED_PERMANENT: "发送失败",
    NoticeState.UNKNOWN: "不确定",
    NoticeState.WITHDRAWN: "已撤回",
}
ACTIONS: Final[Mapping[str, str]] = {"close_valve": "关闭燃气阀"}
ACTION_STATES: Final[Mapping[ActionState, str]] = {
    ActionState.PLANNED: "正在执行",
    ActionState.SENT: "已发出，等确认",
    ActionState.CONFIRMED: "已完成，已确认",
    ActionState.FAILED: "没有成功",
    ActionState.EXPIRED: "没有来得及执行",
}
CONDITIONS: Final[Mapping[Condition, str]] = {
    Condition.ACTIVE: "报警中",
    Condition.PENDING: "将要报警",
    Condition.NORMAL: "已恢复正常",
    Condition.CLEARING: "正在恢复",
}
VOTES: Final[Mapping[str, str]] = {"yes": "在报警", "no": "正常", "unknown": "不能判断"}
QUALITIES: Final[Mapping[Quality, str]] = {
    Quality.GOOD: "读数可信",
    Quality.STALE: "读数不是最新的",
    Quality.OUT_OF_RANGE: "读数超出量程",
    Quality.COMM_FAULT: "读不到设备",
    Quality.MAINTENANCE: "设备在检修",
}
SUPPRESSIONS: Final[Mapping[Suppression, str]] = {
    Suppression.SHELVED: "已搁置",
    Suppression.OUT_OF_SERVICE: "设备停用检修",
    Suppression.BY_DESIGN: "由另一条报警解释",
}
COMMANDS: Final[Mapping[str, str]] = {
    "reset": "复位",
    "test": "测试",
    "resync": "重新核对",
    "shelve": "搁置",
    "unshelve": "取消搁置",
    "out_of_service": "停用检修",
    "back_in_service": "恢复使用",
    "silence": "消音",
    "close_valve": "关闭阀门",
    "re_enrol": "重新登记",
    "raw_traffic": "查看总线报文",
}
COMMAND_STATES: Final[Mapping[CommandState, str]] = {
    CommandState.WAITING: "等网关执行",
    CommandState.PROPOSED: "等第二个人同意",
    CommandState.ANSWERED: "网关已答复",
    CommandState.EXPIRED: "过期未执行",
}
COMMAND_ACTS: Final[Mapping[str, str]] = {
    "command_ordered": "下达",
    "command_agreed": "同意",
    "command_answered": "网关答复",
    "command_expired": "过期",
}
COMMAND_OUTCOMES: Final[Mapping[CommandOutcome, str]] = {
    CommandOutcome.DONE: "已完成",
    CommandOutcome.REFUSED: "网关拒绝",
    CommandOutcome.EXPIRED: "到得太晚",
    CommandOutcome.STALE_SESSION: "连接已更换，会再发",
    CommandOutcome.UNKNOWN: "网关不认识这个指令",
    CommandOutcome.FAILED: "没有成功",
}
CHANNELS: Final[Mapping[str, str]] = {
    "wecom": "企业微信卡片",
    "webhook": "消息推送",
    "robot": "群机器人或邮件",
    "sms": "短信",
    "voice": "语音电话",
}
_UNITS: Final[Mapping[str, str]] = {
    "1": "",  # a count, a state: UCUM's word for no unit
    "%{LEL}": "%LEL",
    "mA": "毫安",
    "mA{residual}": "毫安",
    "kPa": "千帕",
    "Cel": "℃",
    "V": "伏",
    "A": "安",
    "W": "瓦",
    "mg/L": "毫克/升",
    "[NTU]": "NTU",
    "[pH]": "",
}
"""UCUM codes as people say them."""


def unit_of(code: str) -> str:
    """Return a unit as people say it; one that is not listed as its code."""
    return _UNITS.get(code, code)
