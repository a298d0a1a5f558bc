"""Addresses and forms that name what no database can hold: a clear answer, never a crash, on either database."""

import pytest

from tests.server.world import GATEWAY

HUGE = "9" * 30
FIRST, LAST = "0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59-12:00"


@pytest.mark.parametrize(
    ("address", "status"),
    [
        (f"/api/v1/gateways/{GATEWAY}/buses/kitchen/traffic?after={HUGE}", 422),
        (f"/api/v1/audit?before={HUGE}", 422),
        (f"/api/v1/audit?since={FIRST}", 422),
        (f"/api/v1/audit?until={LAST}", 422),
        (f"/desk/devices/{GATEWAY}/gas-1/why-not?at={FIRST}", 422),
        ("/api/v1/gateways/%00/commands/x", 404),
        ("/desk/gateways/gw%00", 404),
        (f"/desk/devices/{GATEWAY}/%00", 404),
        (f"/desk/devices/{GATEWAY}/%00/adopt", 404),
        ("/desk/items/%00/why", 404),
    ],
)
async def test_what_no_database_holds_is_answered_for(site, address, status):
    desk = await site.operator()
    answer = await desk.get(address)
    assert answer.status_code == status, answer.text[:300]
    if address.startswith("/desk"):
        assert "没有" in answer.text or "时间写成" in answer.text
    else:
        assert answer.json()["detail"]


@pytest.mark.parametrize(
    "path", ["/desk/devices?q=%00", "/desk/attention?concern=%00", "/desk/labels?estate=%00"]
)
async def test_a_search_for_nothing_that_can_be_finds_nothing_or_says_so(site, path):
    desk = await site.operator()
    assert (await desk.get(path)).status_code in (200, 422)


async def test_a_form_with_a_sign_that_cannot_be_kept_is_refused_or_kept_whole(site):
    desk = await site.operator()
    form = {"building": "b1", "name": "厨\x00房", "door": "\x00", "kind": "gas", "reason": "写\x00错了"}
    answer = await desk.post(f"/desk/devices/{GATEWAY}/gas-1/adopt", data=form)
    assert answer.status_code in (303, 422), answer.text[:300]
    assert (await desk.get(f"/desk/devices/{GATEWAY}/gas-1")).status_code == 200
