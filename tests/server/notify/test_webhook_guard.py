"""Where webhooks may go: an evil list, and that the checked address is the one connected to."""

import ipaddress

import pytest

from server.notify.channels.guard import RefusedAddressError, find_target, is_public

EVIL = [
    "http://127.0.0.1/", "http://127.1/", "http://127.8.8.8/", "http://0.0.0.0/", "http://0/",
    "http://localhost/", "http://10.0.0.1/", "http://10.255.255.255:8080/x", "http://172.16.0.1/",
    "http://172.31.255.255/", "http://192.168.0.1/", "http://192.168.255.255/", "http://100.64.0.1/",
    "http://169.254.169.254/latest/meta-data/", "http://169.254.0.1/", "http://224.0.0.1/",
    "http://239.255.255.255/", "http://240.0.0.1/", "http://255.255.255.255/", "http://192.0.2.1/",
    "http://198.51.100.1/", "http://203.0.113.1/", "http://198.18.0.1/", "http://192.0.0.8/",
    "http://2130706433/", "http://0x7f000001/", "http://0177.0.0.1/", "http://0x7f.1/",
    "http://[::1]/", "http://[::]/", "http://[::ffff:127.0.0.1]/", "http://[::ffff:8.8.8.8]/",
    "http://[::ffff:a9fe:a9fe]/", "http://[::127.0.0.1]/", "http://[fe80::1]/", "http://[fc00::1]/",
    "http://[fd00:ec2::254]/", "http://[fec0::1]/", "http://[ff02::1]/", "http://[2002:7f00:1::]/",
    "http://[2001:db8::1]/", "http://[2001:0:53aa:64c::1]/", "http://[64:ff9b::7f00:1]/",
    "http://[64:ff9b::a9fe:a9fe]/", "http://[64:ff9b:1::1]/", "http://[100::1]/",
    "ftp://8.8.8.8/", "file:///etc/passwd", "gopher://8.8.8.8/", "javascript:alert(1)", "8.8.8.8",
    "http:///x", "http://", "", "http://user@8.8.8.8/", "http://user:pw@8.8.8.8/", "http://:pw@8.8.8.8/",
    "http://8.8.8.8:99999/", "http://8.8.8.8:-1/", "http://8.8.8.8:x/", "http://[8.8.8.8/", "//8.8.8.8/",
]  # fmt: skip


@pytest.mark.parametrize("url", EVIL)
async def test_nothing_on_the_evil_list_is_connected_to(url):
    with pytest.raises((RefusedAddressError, OSError)):
        await find_target(url, allowed=frozenset())


@pytest.mark.parametrize(
    ("answers", "good"),
    [
        (["8.8.8.8"], True),
        (["2606:4700::1111"], True),
        (["8.8.8.8", "127.0.0.1"], False),
        (["127.0.0.1", "8.8.8.8"], False),
        (["::ffff:8.8.8.8"], False),
        (["fe80::1%eth0"], False),
    ],
)
async def test_every_address_of_a_name_must_be_public(answers, good):
    async def resolve(host, port):
        return answers

    if good:
        target = await find_target("https://phone.example/a?b=c", allowed=frozenset(), resolve=resolve)
        assert target.ip == answers[0]
        assert target.host_header == "phone.example"
        assert target.url.endswith(":443/a?b=c")
    else:
        with pytest.raises(RefusedAddressError):
            await find_target("https://phone.example/a", allowed=frozenset(), resolve=resolve)


async def test_a_name_is_resolved_once_and_the_checked_address_is_used():
    """A name server that rebinds: public at first, our own network afterwards."""
    answers = iter([["8.8.8.8"], ["169.254.169.254"]])

    async def resolve(host, port):
        return next(answers)

    target = await find_target("http://rebind.example:8000/", allowed=frozenset(), resolve=resolve)
    assert target.url == "http://8.8.8.8:8000/"


async def test_an_allowed_entry_counts_for_its_port_alone():
    allowed = frozenset({"127.0.0.1:9000"})
    target = await find_target("http://127.0.0.1:9000/hook/wang", allowed=allowed)
    assert target.url == "http://127.0.0.1:9000/hook/wang"
    for url in ("http://127.0.0.1:9001/", "http://127.0.0.1/", "http://[::1]:9000/"):
        with pytest.raises(RefusedAddressError):
            await find_target(url, allowed=allowed)


def test_public_addresses_are_public():
    for text in ("1.1.1.1", "114.114.114.114", "2606:4700::1111", "240e::1"):
        assert is_public(ipaddress.ip_address(text))
