"""Photos: pixels only, bombs refused, seen by whom the item concerns."""

import io
import struct
import zlib

import pytest
from PIL import Image

from server.errors import InvalidError
from server.photos.pictures import MOST_BYTES, make_anew
from tests.server.access.street_of_two import accounts, build
from tests.server.web.running_site import open_site


@pytest.fixture
async def site(tmp_path):
    async with open_site(tmp_path) as opened:
        yield opened


def camera_photo(form: str = "JPEG", size=(2400, 1200)) -> bytes:
    """A picture that says where and with what it was taken."""
    picture = Image.new("RGB", size, (200, 30, 30))
    exif = Image.Exif()
    exif[0x010F] = "SECRETCAMERA"
    exif.get_ifd(0x8825)[29] = "SECRETPLACE"
    out = io.BytesIO()
    picture.save(out, form, exif=exif)
    return out.getvalue()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_nothing_but_pixels_is_left(form):
    sent = camera_photo(form)
    assert b"SECRETCAMERA" in sent
    made = make_anew(sent)
    assert b"SECRET" not in made.data
    assert b"Exif" not in made.data
    with Image.open(io.BytesIO(made.data)) as picture:
        assert (picture.format, picture.size) == ("JPEG", (1600, 800))
        assert not picture.getexif()
        assert not {"comment", "icc_profile", "xmp"} & set(picture.info)


def test_what_is_hidden_behind_the_picture_is_gone():
    made = make_anew(camera_photo() + b"<script>SECRET</script>PK\x03\x04")
    assert b"SECRET" not in made.data


def png_bomb() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" * 1_000_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def gif() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (9, 9)).save(out, "GIF")
    return out.getvalue()


@pytest.mark.parametrize(
    "data",
    [b"", b"no picture", png_bomb(), gif(), camera_photo()[:2000], b"x" * (MOST_BYTES + 1), b"<svg/>"],
    ids=["empty", "text", "bomb", "gif", "cut off", "too long", "svg"],
)
def test_what_is_no_usable_photo_is_refused(data):
    with pytest.raises(InvalidError):
        make_anew(data)


async def send(client, link: str, data: bytes):
    return await client.post(f"{link}/photos", files={"photo": ("IMG_1234.jpg", data, "image/jpeg")})


async def test_a_photo_is_seen_within_reach_and_nowhere_else(site, tmp_path):
    values = await build(site)
    link = await site.link(values.own["item_id"], "leader")
    phone = await site.visitor()
    assert (await send(phone, link, camera_photo())).status_code == 303
    path = f"/api/v1/items/{values.own['item_id']}/photos"
    by_role = await accounts(site)
    for role in ("desk", "community", "leader"):
        (listed,) = (await by_role[role].get(path)).json()
        shown = await by_role[role].get(f"{path}/{listed['id']}")
        assert (shown.status_code, shown.headers["content-type"]) == (200, "image/jpeg")
        assert b"SECRET" not in shown.content
    assert (await phone.get(f"{link}/photos/{listed['id']}")).status_code == 200
    other = f"/api/v1/items/{values.foreign['item_id']}/photos/{listed['id']}"
    assert (await by_role["desk"].get(other)).status_code == 404, "a photo is asked for with its item"
    stranger = await site.visitor()
    assert (await stranger.get(f"{path}/{listed['id']}")).status_code == 401
    assert (await stranger.get(f"/static/{listed['id']}.jpg")).status_code == 404
    (file,) = (tmp_path / "photos").iterdir()
    assert file.stat().st_mode & 0o077 == 0


async def test_a_photo_too_long_or_unusable_is_refused_and_leaves_nothing(site, tmp_path):
    item = await site.world.raise_alarm()
    link, phone = await site.link(item.id, "leader"), await site.visitor()
    assert (await send(phone, link, b"x" * (MOST_BYTES + 10_000))).status_code == 413
    assert (await send(phone, link, b"no picture")).status_code == 422
    assert not (tmp_path / "photos").exists()


async def test_an_item_takes_twelve_photos(site):
    item = await site.world.raise_alarm()
    link, phone = await site.link(item.id, "leader"), await site.visitor()
    small = camera_photo(size=(40, 20))
    statuses = [(await send(phone, link, small)).status_code for _ in range(13)]
    assert statuses == [303] * 12 + [409]
