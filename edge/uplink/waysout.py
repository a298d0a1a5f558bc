"""Builds the gateway's own ways to people from the site file; a library is loaded only where it is used."""

from pathlib import Path

from edge.ports import Clock
from edge.site.config import SiteSettings
from edge.uplink.secondway import Siren, WayOut


def build_ways(settings: SiteSettings, *, folder: Path, clock: Clock) -> list[WayOut]:
    """Return the ways that a site file names.

    Args:
        settings: the site's.
        folder: what names of files are relative to.
        clock: the machine's clocks.
    """
    ways: list[WayOut] = []
    chosen = settings.second_way
    if chosen.sms is not None:
        from edge.uplink.modem import ModemWay  # noqa: PLC0415 - a gateway without a modem loads no pyserial

        ways.append(
            ModemWay(
                device=chosen.sms.device,
                baud=chosen.sms.baud,
                numbers=chosen.sms.numbers,
                gateway=settings.gateway,
            )
        )
    if chosen.webhook is not None:
        from edge.uplink.webhookway import WebhookWay  # noqa: PLC0415 - nor an HTTP client

        ways.append(
            WebhookWay(
                url=chosen.webhook.url,
                secret_file=folder / chosen.webhook.secret_file,
                gateway=settings.gateway,
                clock=clock,
            )
        )
    return ways


def build_siren(settings: SiteSettings) -> Siren | None:
    """Return the siren that a site file names."""
    siren = settings.second_way.siren
    if siren is None:
        return None
    return Siren(device=siren.device, sound=siren.sound, silence=siren.silence)
