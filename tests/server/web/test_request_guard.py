"""What is checked of every request, and told with every answer."""

import asyncio

import pytest

from tests.server.web.running_site import open_site

PRESS = {"move": "accept", "press": "0190f2b4-0000-7000-8000-000000000001"}


async def pressed(site, **headers: str) -> int:
    """Press for the leader with a browser that says these headers; whether it counted decides."""
    item = await site.world.raise_alarm()
    client = await site.visitor(**headers)
    answer = await client.post(f"{await site.link(item.id, 'leader')}/moves", data=PRESS)
    assert (await site.world.item()).accepted is (answer.status_code == 303)
    return answer.status_code


@pytest.mark.parametrize("where", ["cross-site", "same-site"])
async def test_a_press_from_another_site_is_refused(site, where):
    assert await pressed(site, **{"Sec-Fetch-Site": where}) == 403


async def test_a_press_from_our_own_page_counts(site):
    assert await pressed(site, **{"Sec-Fetch-Site": "same-origin"}) == 303


@pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1:1", "null"])
async def test_an_old_browser_is_judged_by_its_origin(site, origin):
    assert await pressed(site, Origin=origin) == 403


async def test_an_old_browser_on_our_own_page_counts(site):
    assert await pressed(site, Origin=site.url) == 303


async def test_reading_from_another_site_is_nobodys_harm(site):
    client = await site.visitor(**{"Sec-Fetch-Site": "cross-site"})
    assert (await client.get("/setup")).status_code == 200


async def test_the_api_refuses_foreign_presses_with_a_problem(site):
    client = await site.operator()
    answer = await client.post(
        "/api/v1/items/x/moves", json=PRESS, headers={"Origin": "https://evil.example"}
    )
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == 403


async def test_long_bodies_are_refused_before_they_are_read(site):
    client = await site.visitor()
    answer = await client.post("/login", data={"name": "x" * 70_000, "password": "y"})
    assert answer.status_code == 413


async def test_bodies_of_untold_length_are_refused(site):
    async def endless():
        yield b"name="
        yield b"x" * 100

    client = await site.visitor()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await client.post("/login", content=endless(), headers=form)
    assert answer.status_code == 411


@pytest.mark.parametrize("path", ["/login", "/nowhere", "/i/nonsense", "/api/v1/items", "/health/live"])
async def test_every_answer_is_guarded(site, path):
    answer = await (await site.visitor()).get(path)
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cache-control"] == "no-store"
    assert "strict-transport-security" not in answer.headers, "this site is plain HTTP"


async def test_scripts_and_styles_may_be_kept_by_the_browser(site):
    client = await site.visitor()
    page = (await client.get("/setup")).text
    script = page.split('src="')[1].split('"')[0]
    answer = await client.get(script)
    assert answer.status_code == 200
    assert answer.headers.get("cache-control") != "no-store"


async def test_a_site_behind_https_says_so_to_browsers(tmp_path):
    async with open_site(tmp_path, public_url="https://grid.example") as site:
        item = await site.world.raise_alarm()
        client = await site.visitor()
        answer = await client.post(f"{await site.link(item.id, 'leader')}/moves", data=PRESS)
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-phone=")
    for attribute in ("Secure", "HttpOnly", "SameSite=lax", "Path=/"):
        assert attribute in cookie


async def test_the_platform_that_may_frame_the_pages_is_a_setting(tmp_path):
    async with open_site(tmp_path, frame_ancestors="https://city.example") as site:
        answer = await (await site.visitor()).get("/login")
    assert "frame-ancestors https://city.example" in answer.headers["content-security-policy"]


async def test_nonsense_on_the_line_does_not_stop_the_site(site):
    port = int(site.url.rsplit(":", 1)[1])
    for noise in (
        b"\x16\x03\x01 hello\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(noise)
        writer.write_eof()
        await reader.read()
        writer.close()
        await writer.wait_closed()
    assert (await (await site.visitor()).get("/health/live")).status_code == 200


async def test_the_files_of_a_whole_street_are_not_too_long(site):
    client = await site.operator()
    files = [("files", ("people.csv", b"code,name\n" + b"p" * 300_000, "text/csv"))]
    answer = await client.post("/api/v1/street/preview", files=files)
    assert answer.status_code == 200, "a street's files are longer than a form"
    assert answer.json()["problems"]
