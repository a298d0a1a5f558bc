"""What the environment says is taken, or named: no variable of ours is passed over in silence."""

import pytest
from typer.testing import CliRunner

from server.cli import app
from server.config import Settings, load_settings, unknown_variables
from server.errors import SettingsError

SECRET = "whsec_YSBzZWNyZXQgb2YgdGhlIHN0b3JpZXMgMzIgYnl0ZXM="


def test_the_webhooks_secret_may_stand_in_a_file_which_goes_first(tmp_path):
    file = tmp_path / "webhook.secret"
    file.write_text(f"{SECRET}\n")
    settings = Settings(data_folder=tmp_path, webhook_secret="whsec_b3RoZXI=", webhook_secret_file=file)
    assert settings.webhook_key() == SECRET


@pytest.mark.parametrize("text", [None, "", "YSBzZWNyZXQ=", f"{SECRET} {SECRET}", "网"])
def test_a_file_without_a_secret_is_named_instead_of_another_being_made(tmp_path, text):
    file = tmp_path / "webhook.secret"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    settings = Settings(data_folder=tmp_path, webhook_secret_file=file)
    with pytest.raises(SettingsError, match=r"GRIDWARDEN_WEBHOOK_SECRET_FILE: .*webhook\.secret"):
        settings.webhook_key()
    assert not (tmp_path / "webhook.key").exists()


def test_a_misspelt_setting_is_an_error_that_names_the_one_meant(monkeypatch):
    monkeypatch.setenv("GRIDWARDEN_HTP_PORT", "1")
    monkeypatch.setenv("GRIDWARDEN_WEBHOOK_ALLOWED", "phones:8090")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert str(caught.value).splitlines() == [
        "GRIDWARDEN_HTP_PORT: there is no such setting; the nearest is GRIDWARDEN_HTTP_PORT",
        "GRIDWARDEN_WEBHOOK_ALLOWED: there is no such setting; the nearest is GRIDWARDEN_WEBHOOK_ALLOW",
    ]
    result = CliRunner().invoke(app, ["openapi"])
    assert result.exit_code == 0, "what needs no settings reads none"
    result = CliRunner().invoke(app, ["channels"])
    assert result.exit_code == 2
    assert "GRIDWARDEN_HTTP_PORT" in result.output


def test_what_a_platform_or_a_test_sets_is_no_error_and_what_nobody_reads_is_known():
    known = [f"GRIDWARDEN_{name.upper()}" for name in Settings.model_fields]
    ours = [*known, "gridwarden_http_port", "GRIDWARDEN_TEST_CLOCK", "GRIDWARDEN_FAILPOINT", "PATH"]
    assert unknown_variables(ours) == {}
    # Kubernetes, for services called `gridwarden` and `gridwarden-server`.
    platform = ["GRIDWARDEN_PORT", "GRIDWARDEN_SERVICE_HOST", "GRIDWARDEN_SERVER_PORT_8080_TCP_ADDR"]
    assert unknown_variables(platform) == dict.fromkeys(sorted(platform), "")


@pytest.mark.parametrize(("host", "said"), [("10.0.0.7", "10.0.0.7"), ("fd00::7", "[fd00::7]")])
def test_the_own_address_can_be_opened_whatever_kind_its_host_is(tmp_path, host, said):
    settings = Settings(data_folder=tmp_path, http_host=host, http_port=8080)
    assert settings.address() == f"http://{said}:8080"


@pytest.mark.parametrize("name", ["PUBLIC_URL", "CANARY_URL"])
@pytest.mark.parametrize(
    "text",
    [
        "street.example",
        "street.example:443",
        "https:/street.example",
        "ftp://street.example",
        "https://",
        "https://street.example:http",
        "https://street.example:70000",
        "https://street.example?x=1",
        "https://street .example",
        "https://[fd00::7",
    ],
)
def test_an_address_that_no_phone_could_open_is_named_at_the_start(monkeypatch, name, text):
    monkeypatch.setenv(f"GRIDWARDEN_{name}", text)
    with pytest.raises(SettingsError, match=f"GRIDWARDEN_{name}: .*write http://HOST:PORT or https://HOST"):
        load_settings()


@pytest.mark.parametrize("text", ["", "https://street.example/", "http://10.0.0.7:8080", "http://[fd00::7]"])
def test_an_address_that_can_be_opened_is_taken_as_it_is(monkeypatch, text):
    monkeypatch.setenv("GRIDWARDEN_CANARY_URL", text)
    assert load_settings().canary_url == text
