"""Settings, from the environment. Secrets that are not given are made once and kept in a file."""

import base64
import hmac
import os
import re
import secrets
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from server.errors import SettingsError

PREFIX: Final = "GRIDWARDEN_"
_SECRET_BYTES: Final = 32
_WEBHOOK_SECRET: Final = re.compile(r"whsec_[A-Za-z0-9+/]+={0,2}")
_FOR_TESTS: Final = re.compile(r"TEST_\w+|FAILPOINT")
_ALIKE: Final = 0.8
"""From which likeness on (difflib's ratio) an unknown name is a setting that somebody misspelt."""


def http_address(host: str, port: int) -> str:
    """Return the address of a server; one of IPv6 stands in brackets."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _is_address(text: str) -> bool:
    """Tell whether a text is an address that a path can be put behind."""
    try:
        parts = urlsplit(text)
        whole = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # of a port that is no number
        return False
    return whole and not parts.query and not parts.fragment and re.fullmatch(r"\S+", text) is not None


class Settings(BaseSettings):
    """Everything the environment says, each as `GRIDWARDEN_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    data_folder: Path = Path("data")
    """Databases and secrets."""
    database_url: str = ""
    """SQLAlchemy address; empty for SQLite in the data folder."""
    database_url_file: Path | None = None
    """A file with the address alone, because it holds a password; goes before `database_url`."""
    http_host: str = "127.0.0.1"
    http_port: Annotated[int, Field(ge=0, le=65535)] = 8080
    public_url: str = ""
    """How phones reach this server; empty for http://host:port."""
    secure_cookies: bool | None = None
    """Cookies for HTTPS only; by default when the public address is one."""
    frame_ancestors: str = "'none'"
    """Which platform may show the pages inside its own (a Content-Security-Policy source)."""

    mqtt_host: str = "127.0.0.1"
    mqtt_port: Annotated[int, Field(ge=1, le=65535)] = 1883
    mqtt_username: str | None = None
    mqtt_password_file: Path | None = None
    mqtt_tls_ca: Path | None = None
    mqtt_tls_certificate: Path | None = None
    mqtt_tls_key: Path | None = None
    mqtt_client_id: str = "gridwarden-server"

    webhook_secret: str = ""
    """`whsec_…`; made and kept when empty."""
    webhook_secret_file: Path | None = None
    """A file with it alone, for receivers that share it; goes before `webhook_secret`."""
    webhook_allow: Annotated[frozenset[str], NoDecode] = frozenset()
    """`host:port` of receivers that may lie in private networks, separated by commas."""

    channels_file: Path | None = None
    """Accounts of WeCom, short messages, calls and robots (JSON, for the server's eyes only)."""
    callback_key: str = ""
    """The part of the callbacks' addresses that nobody can guess; made and kept when empty."""
    canary_every_s: Annotated[float, Field(ge=0)] = 300.0
    """How often a message goes through the whole chain to nobody; 0 for never."""
    canary_url: str = ""
    """Where it comes back in; empty for where this server listens. The public address tests the proxy too."""

    watchdog_tell: str = ""
    """Whom the watchdog tells: `sms=199…,voice=199…,robot=NAME,webhook=https://…`."""

    history_raw_days: Annotated[int, Field(ge=1)] = 30
    """How long every reading is kept."""
    history_minute_days: Annotated[int, Field(ge=1)] = 90
    """How long one bucket a minute is kept."""
    history_hour_days: Annotated[int, Field(ge=1)] = 1098
    """How long one bucket an hour is kept."""
    history_life_safety_raw_days: Annotated[int, Field(ge=1)] = 366
    """How long every reading of gas detectors and fire equipment is kept."""

    influx_url: str = ""
    """An InfluxDB 2 (or whatever takes its line protocol) that is fed with every reading; empty for none."""
    influx_org: str = "gridwarden"
    influx_bucket: str = "gridwarden"
    influx_token_file: Path | None = None
    influx_kept_days: Annotated[int, Field(ge=0)] = 0
    """How long InfluxDB keeps readings, as `influx-setup` sets it; 0 for ever."""

    metrics_token_file: Path | None = None
    """A file with what lets a program read /metrics; without it this machine alone may."""

    grid_code_pattern: str = ""
    """A regular expression that every grid's code matches whole, checked by the import; empty for none."""

    words_days: Annotated[int, Field(ge=1)] = 1096
    """How long what people wrote on a closed item, and in the audit, is kept."""
    photo_days: Annotated[int, Field(ge=1)] = 180
    """How long photos of items are kept."""
    quarantine_days: Annotated[int, Field(ge=1)] = 90
    """How long bytes that nobody could read are kept."""

    oidc_issuer: str = ""
    """Of an OpenID provider at which operators sign in; empty for none."""
    oidc_client_id: str = ""
    oidc_client_secret_file: Path | None = None
    oidc_title: str = "统一身份认证"
    """What the button at the log-in says."""
    wecom_corp_id: str = ""
    """企业微信 at which leaders sign in; empty for none."""
    wecom_agent_id: str = ""
    wecom_secret_file: Path | None = None
    wecom_api: str = "https://qyapi.weixin.qq.com"
    wecom_login: str = "https://open.weixin.qq.com/connect/oauth2/authorize"

    first_run_code: str = ""
    """The code that makes the first operator; made and printed when empty."""
    step_backup_s: Annotated[float, Field(gt=0)] = 60.0
    """How long a leader has for a life-safety item before the backup is told."""

    @field_validator("grid_code_pattern")
    @classmethod
    def _compile(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        return value

    @field_validator("public_url", "canary_url")
    @classmethod
    def _check_address(cls, value: str) -> str:
        if value and not _is_address(value):
            raise ValueError(f"{value!r} is no address: write http://HOST:PORT or https://HOST")
        return value

    @field_validator("webhook_allow", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return frozenset(part.strip() for part in value.split(",") if part.strip())
        return value

    @property
    def _database_address(self) -> str:
        if self.database_url_file is None:
            return self.database_url
        return self.database_url_file.read_text(encoding="utf-8").strip()

    @property
    def database(self) -> str:
        """The SQLAlchemy address in force."""
        path = (self.data_folder / "gridwarden.db").absolute()
        return self._database_address or f"sqlite+aiosqlite:///{path}"

    @property
    def readings_database(self) -> str:
        """Where readings live: a file of their own on SQLite, the same database elsewhere."""
        address = self._database_address
        if address and not address.startswith("sqlite"):
            return address
        return f"sqlite+aiosqlite:///{(self.data_folder / 'readings.db').absolute()}"

    def address(self, port: int | None = None) -> str:
        """Return how phones reach this server, without a slash at the end."""
        return (self.public_url or http_address(self.http_host, port or self.http_port)).rstrip("/")

    @property
    def cookies_are_secure(self) -> bool:
        """Whether cookies are for HTTPS only."""
        if self.secure_cookies is not None:
            return self.secure_cookies
        return self.address().startswith("https:")

    @property
    def mqtt_password(self) -> str | None:
        """The broker's password."""
        if self.mqtt_password_file is None:
            return None
        return self.mqtt_password_file.read_text(encoding="utf-8").strip()

    @property
    def influx_token(self) -> str:
        """What lets us into InfluxDB; empty where it asks for nothing."""
        if self.influx_token_file is None:
            return ""
        return self.influx_token_file.read_text(encoding="utf-8").strip()

    @property
    def metrics_token(self) -> str:
        """What lets a program read the metrics; empty for this machine alone.

        Raises:
            OSError: the file that is named cannot be read.
            ValueError: it holds no token.
        """
        if self.metrics_token_file is None:
            return ""
        token = self.metrics_token_file.read_text(encoding="utf-8").strip()
        if not token:
            raise ValueError(f"{self.metrics_token_file} holds no token")
        return token

    @property
    def photo_folder(self) -> Path:
        """Where photos lie: never below what the web serves."""
        return self.data_folder / "photos"

    def signing_key(self) -> bytes:
        """Return the key of signed links, made at the first start."""
        return base64.b64decode(self._kept_secret("signing.key"))

    def callback_secret(self) -> str:
        """Return the part of the callbacks' addresses that nobody can guess, made at the first start."""
        made = self.callback_key or self._kept_secret("callback.key")
        return made.replace("+", "-").replace("/", "_").rstrip("=")

    def canary_secret(self) -> str:
        """Return the secret with which canaries are signed; no receiver knows it."""
        made = hmac.digest(self.signing_key(), b"canary", "sha256")
        return f"whsec_{base64.b64encode(made).decode()}"

    def webhook_key(self) -> str:
        """Return the secret with which webhooks are signed, made at the first start.

        Raises:
            SettingsError: the file that is named cannot be read, or it holds no such secret.
        """
        if self.webhook_secret_file is None:
            return self.webhook_secret or f"whsec_{self._kept_secret('webhook.key')}"
        where = f"{PREFIX}WEBHOOK_SECRET_FILE: {self.webhook_secret_file}"
        try:
            text = self.webhook_secret_file.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{where} cannot be read ({error})") from error
        if not _WEBHOOK_SECRET.fullmatch(text):
            raise SettingsError(f"{where} holds no secret: write whsec_ and base64, alone")
        return text

    def _kept_secret(self, name: str) -> str:
        path = self.data_folder / name
        if not path.exists():
            self.data_folder.mkdir(parents=True, exist_ok=True)
            made = base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(made)
        return path.read_text(encoding="ascii").strip()


def unknown_variables(environment: Iterable[str]) -> dict[str, str]:
    """Return variables that begin as ours and are no setting, each with the setting it is nearest to.

    Args:
        environment: names of variables.

    Returns:
        By name; an empty text where no setting looks alike: a platform may set variables of its own under
        our prefix (Kubernetes does for a service called `gridwarden`).
    """
    settings = [name.upper() for name in Settings.model_fields]
    found = {}
    for variable in sorted(environment):
        name = variable.upper().removeprefix(PREFIX)
        if name == variable.upper() or name in settings or _FOR_TESTS.fullmatch(name):
            continue
        alike = get_close_matches(name, settings, n=1, cutoff=_ALIKE)
        found[variable] = f"{PREFIX}{alike[0]}" if alike else ""
    return found


def load_settings() -> Settings:
    """Read the environment.

    Raises:
        SettingsError: a variable cannot be used, or is all but called like a setting; the text names it.
    """
    misspelt = [
        f"{variable}: there is no such setting; the nearest is {nearest}"
        for variable, nearest in unknown_variables(os.environ).items()
        if nearest
    ]
    if misspelt:
        raise SettingsError("\n".join(misspelt))
    try:
        return Settings()
    except ValidationError as error:
        problems = [
            f"{PREFIX}{'_'.join(map(str, problem['loc'])).upper()}: {problem['msg']}"
            for problem in error.errors()
        ]
        raise SettingsError("\n".join(problems)) from error
