"""The command that runs the phones: where it listens, and where its secret comes from."""

import pytest
from typer.testing import CliRunner

from firmware_sim import cli


@pytest.fixture
def served(monkeypatch):
    """What the command would serve, without serving it."""
    found = []
    monkeypatch.setattr(cli, "_serve_phones", lambda *arguments: arguments)
    monkeypatch.setattr(cli, "_run", found.append)
    monkeypatch.delenv("GRIDWARDEN_WEBHOOK_SECRET", raising=False)
    monkeypatch.delenv("GRIDWARDEN_WEBHOOK_SECRET_FILE", raising=False)
    return found


def test_it_listens_on_loopback_unless_told_otherwise(served):
    assert CliRunner().invoke(cli.app, ["phones", "--secret", "whsec_a"]).exit_code == 0
    told = ["phones", "--secret", "whsec_a", "--host", "10.0.0.7"]
    assert CliRunner().invoke(cli.app, told).exit_code == 0
    assert [arguments[:2] for arguments in served] == [("whsec_a", "127.0.0.1"), ("whsec_a", "10.0.0.7")]


def test_the_secret_may_stand_in_a_file(served, tmp_path):
    file = tmp_path / "webhook.secret"
    file.write_text("whsec_kept\n")
    environment = {"GRIDWARDEN_WEBHOOK_SECRET_FILE": str(file)}
    assert CliRunner().invoke(cli.app, ["phones"], env=environment).exit_code == 0
    assert served[0][0] == "whsec_kept"


@pytest.mark.parametrize("text", [None, "", "no secret"])
def test_without_a_secret_it_says_what_to_give(served, tmp_path, text):
    file = tmp_path / "webhook.secret"
    if text is not None:
        file.write_text(text)
    result = CliRunner().invoke(cli.app, ["phones", "--secret-file", str(file)])
    assert result.exit_code == 2
    assert "secret" in result.output
    assert not served
