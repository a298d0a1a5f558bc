"""The head of the desk's pages: every page, where it stands and which right opens it. One table, pure.

A page of the desk is one line here. Whoever lacks the right does not see the line; that the page itself
refuses is the guard's affair.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from server.access.model import Right


class Section(StrEnum):
    """The first row of the head."""

    DUTY = "值班"
    DEVICES = "设备管理"
    STREET = "辖区和人员"
    FIGURES = "统计"
    SETTINGS = "设置"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of the desk.

    Attributes:
        address: its path; pages below it belong to it, as far as they have no line of their own.
        title: in Chinese, the source of the catalogue.
        section: where it stands.
        right: what opens it.
    """

    address: str
    title: str
    section: Section
    right: Right


PAGES: Final[tuple[Page, ...]] = (
    Page(address="/desk", title="事项", section=Section.DUTY, right=Right.SEE_ITEMS),
    Page(address="/cockpit", title="大屏", section=Section.DUTY, right=Right.ACT_AS_DESK),
    Page(address="/desk/load", title="网格长负担", section=Section.DUTY, right=Right.SEE_PEOPLE),
    Page(address="/desk/feedback", title="投诉建议", section=Section.DUTY, right=Right.ACT_AS_DESK),
    Page(address="/desk/attention", title="需要处理的设备", section=Section.DEVICES, right=Right.SEE_DEVICES),
    Page(address="/desk/gateways", title="网关列表", section=Section.DEVICES, right=Right.SEE_DEVICES),
    Page(address="/desk/devices", title="设备登记表", section=Section.DEVICES, right=Right.SEE_DEVICES),
    Page(address="/desk/adopt", title="扫码登记", section=Section.DEVICES, right=Right.CHANGE_DEVICES),
    Page(address="/desk/labels", title="设备标签", section=Section.DEVICES, right=Right.CHANGE_DEVICES),
    Page(address="/desk/unassigned", title="未登记设备", section=Section.DEVICES, right=Right.SEE_DEVICES),
    Page(address="/desk/quarantine", title="无法识别的消息", section=Section.DEVICES, right=Right.SEE_RAW),
    Page(address="/desk/grids", title="网格地图", section=Section.STREET, right=Right.SEE_PEOPLE),
    Page(address="/desk/roster", title="排班", section=Section.STREET, right=Right.SEE_PEOPLE),
    Page(address="/desk/responsible", title="谁负责", section=Section.STREET, right=Right.SEE_PEOPLE),
    Page(address="/desk/import", title="导入和导出", section=Section.STREET, right=Right.CHANGE_PLACES),
    Page(address="/desk/contacts", title="通讯录", section=Section.STREET, right=Right.SEE_PEOPLE),
    Page(address="/desk/trends/places", title="趋势", section=Section.FIGURES, right=Right.SEE_DEVICES),
    Page(address="/desk/reports", title="月报", section=Section.FIGURES, right=Right.SEE_STATISTICS),
    Page(address="/desk/escalation", title="通知步骤", section=Section.SETTINGS, right=Right.SEE_SETTINGS),
    Page(address="/desk/channels", title="通知渠道", section=Section.SETTINGS, right=Right.SEE_SETTINGS),
    Page(address="/desk/playbooks", title="处置要点", section=Section.SETTINGS, right=Right.SEE_SETTINGS),
    Page(address="/desk/audit", title="操作记录", section=Section.SETTINGS, right=Right.SEE_AUDIT),
    Page(address="/desk/accounts", title="账号管理", section=Section.SETTINGS, right=Right.MANAGE_ACCESS),
    Page(address="/desk/keys", title="密钥", section=Section.SETTINGS, right=Right.MANAGE_ACCESS),
    Page(address="/desk/me", title="我的账号", section=Section.SETTINGS, right=Right.SIGNED_IN),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One word of the head: where it leads, and whether the reader is there."""

    address: str
    title: str
    current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Navigation:
    """The two rows of the head: sections, each leading to its first page, and the pages of this one."""

    sections: tuple[Link, ...]
    pages: tuple[Link, ...]


def navigation_for(path: str, rights: Iterable[Right]) -> Navigation:
    """Return the head for a reader at a path who holds these rights."""
    held = frozenset(rights)
    open_pages = [page for page in PAGES if page.right in held]
    here = _page_of(path, open_pages)
    firsts: dict[Section, Page] = {}
    for page in open_pages:
        firsts.setdefault(page.section, page)
    return Navigation(
        sections=tuple(
            Link(
                address=firsts[section].address,
                title=section.value,
                current=here is not None and section is here.section,
            )
            for section in Section
            if section in firsts
        ),
        pages=tuple(
            Link(address=page.address, title=page.title, current=page is here)
            for page in open_pages
            if here is not None and page.section is here.section
        ),
    )


def _page_of(path: str, pages: Iterable[Page]) -> Page | None:
    """Return the page a path belongs to: the one with the longest address above it."""
    above = [page for page in pages if path == page.address or path.startswith(f"{page.address}/")]
    return max(above, key=lambda page: len(page.address), default=None)
