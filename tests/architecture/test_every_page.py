"""Every page of the server stands in the table by which pages are checked, photographed and found in the wheel."""

from server.access.guard import served_routes
from server.openapi import build_described_app
from tests.browser.pages import NOT_PAGES, PAGES


def shown_routes() -> set[str]:
    """What a browser can open, without the interface for programs."""
    found = {route.path for route in served_routes(build_described_app()) if "GET" in route.methods}
    return {path for path in found if not path.startswith("/api/")}


def test_every_page_is_in_the_table_and_the_table_has_no_other():
    known = {page.route for page in PAGES} | set(NOT_PAGES)
    missing = shown_routes() - known
    assert not missing, f"add a line to PAGES (or NOT_PAGES) in tests/browser/pages.py for {sorted(missing)}"
    assert not known - shown_routes(), "the table names what is no longer served"
    assert not {page.route for page in PAGES} & set(NOT_PAGES)


def test_each_look_has_a_name_of_its_own():
    names = [page.name for page in PAGES]
    assert sorted(names) == sorted(set(names))
