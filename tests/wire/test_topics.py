"""Topics: built and read in one place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.topics import GATEWAY_PATTERN, Down, TopicError, Up, down_topic, parse_up_topic, up_filter, up_topic


@given(st.from_regex(rf"\A{GATEWAY_PATTERN}\Z"), st.sampled_from(Up))
def test_what_is_built_is_read_back(gateway, channel):
    found = parse_up_topic(up_topic(gateway, channel))
    assert (found.gateway, found.channel) == (gateway, channel)


@pytest.mark.parametrize("gateway", ["", "A", "a/b", "+", "#", "-a", "a-", "a" * 65, "gw one", "网关"])
def test_a_name_that_could_mean_another_topic_is_refused(gateway):
    with pytest.raises(TopicError):
        up_topic(gateway, Up.ALARMS)
    with pytest.raises(TopicError):
        down_topic(gateway, Down.ACK)


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "gw",
        "gw/a/up",
        "gw/a/up/alarms/x",
        "gw/a/down/ack",
        "gw/a/up/else",
        "x/a/up/alarms",
        "gw//up/alarms",
        "$SYS/x",
    ],
)
def test_a_topic_of_somebody_else_is_refused(topic):
    with pytest.raises(TopicError):
        parse_up_topic(topic)


def test_the_server_listens_to_every_gateway():
    assert up_filter(Up.ALARMS) == "gw/+/up/alarms"
