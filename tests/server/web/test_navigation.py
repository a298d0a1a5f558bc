"""The head of the desk's pages: what a reader may open, and where they are."""

import pytest

from server.access.model import RIGHTS_OF, AccessRole
from server.web.navigation import PAGES, Navigation, Page, navigation_for


def shown(navigation: Navigation) -> set[str]:
    return {link.address for link in (*navigation.sections, *navigation.pages)}


@pytest.mark.parametrize("role", AccessRole)
def test_nobody_is_led_to_a_page_that_will_refuse_them(role: AccessRole) -> None:
    rights = RIGHTS_OF[role]
    refused = {page.address for page in PAGES if page.right not in rights}
    for page in PAGES:
        assert not shown(navigation_for(page.address, rights)) & refused


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.address)
def test_every_page_is_two_presses_away_and_says_where_the_reader_is(page: Page) -> None:
    rights = frozenset().union(*RIGHTS_OF.values())
    address, section = page.address, page.section
    navigation = navigation_for(address, rights)
    assert [link.address for link in navigation.pages if link.current] == [address]
    assert [link.title for link in navigation.sections if link.current] == [section.value]
    first = next(
        link for link in navigation_for("/elsewhere", rights).sections if link.title == section.value
    )
    assert address in shown(navigation_for(first.address, rights))


def test_a_page_below_another_belongs_to_the_nearest_line_above_it() -> None:
    rights = RIGHTS_OF[AccessRole.DESK]
    item = navigation_for("/desk/items/abc", rights)
    assert [link.address for link in item.pages if link.current] == ["/desk"]
    reports = navigation_for("/desk/reports/2026-10/street", rights)
    assert [link.address for link in reports.pages if link.current] == ["/desk/reports"]


def test_a_path_nobody_lists_shows_the_sections_alone() -> None:
    navigation = navigation_for("/elsewhere", RIGHTS_OF[AccessRole.DESK])
    assert navigation.sections
    assert not navigation.pages
