"""What is wrong with an installation, before anything runs."""

import os
import socket
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from connectors.model_files import default_model, install_model, install_shadow
from streams.command_line import run
from streams.installation_check import check_installation
from streams.installation_finding import Finding
from tests.support.receiver import receiving


def problems(config: Path | None = None, folders: list[Path] | None = None, state: Path | None = None) -> list[Finding]:
    return [finding for finding in check_installation(config, folders or [], state) if not finding.ok]


def test_nothing_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.h5").touch()
    findings = list(check_installation(None, [tmp_path / "data"], tmp_path / "state"))
    assert all(finding.ok for finding in findings)
    assert [finding.what.split()[0] for finding in findings] == [
        "configuration",
        "folder",
        "state",
        "chromium",
        "model",
    ]
    assert "1 snapshots" in findings[1].sentence
    assert findings[-1].sentence == default_model().name
    assert [path.name for path in tmp_path.iterdir()] == ["data"]  # nothing is made


def test_a_configuration_that_is_wrong_is_all_that_is_said(tmp_path: Path) -> None:
    config = tmp_path / "petawatch.toml"
    config.write_text("nonsense = 1")
    [problem] = check_installation(config, [tmp_path / "missing"], None)
    assert (problem.what, problem.ok) == ("configuration", False)
    assert "nonsense" in problem.sentence
    config.write_text("nonsense = 1\n[console]\nstale_after = 3")
    found = list(check_installation(config, [], None))
    assert [(each.what, "\n" in each.sentence) for each in found] == [("configuration", False)] * 2


def test_a_file_with_secrets_that_everybody_may_read_is_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with tempfile.TemporaryDirectory() as name:  # the folders of tmp_path are for one user
        Path(name).chmod(0o755)
        config, secrets = tmp_path / "petawatch.toml", Path(name) / "hooks"
        secrets.write_text("whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" + "\n")
        with receiving() as receiver:
            config.write_text(f'[[receivers]]\nname = "log"\nurl = "{receiver.url}"\nsecrets_file = "{secrets}"\n')
            for mode, warnings in [(0o644, 1), (0o600, 0)]:
                secrets.chmod(mode)
                assert run(["check", "--config", str(config)]) == 0
                said = capsys.readouterr().out
                assert said.count("warning secrets_file of the receiver log ") == warnings
                assert said.count(f"chmod 600 {secrets}") == warnings
        secrets.chmod(0o644)
        Path(name).chmod(0o700)
        assert not [finding for finding in check_installation(config, [], None) if finding.warns]


def test_folders(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = problems(folders=[tmp_path / "missing", tmp_path / "file"])
    assert ["is no folder" in problem.sentence for problem in found] == [True, True]


def test_rights() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "data").mkdir(mode=0o000)
        (folder / "state").mkdir(mode=0o555)
        folder.chmod(0o755)
        user = os.geteuid()
        if user == 0:  # who may do everything
            os.seteuid(65_534)
        try:
            found = problems(folders=[folder / "data"], state=folder / "state")
        finally:
            os.seteuid(user)
    assert [problem.what.split()[0] for problem in found] == ["folder", "state"]


def test_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    [problem] = problems(state=tmp_path / "file")
    assert "may not be written" in problem.sentence
    assert problems(state=tmp_path / "deep" / "state") == []
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1 << 30))
    [problem] = problems(state=tmp_path)
    assert "only 1.0 GiB are free" in problem.sentence


def test_model(tmp_path: Path) -> None:
    install_model(tmp_path, default_model())
    assert problems(state=tmp_path) == []
    (tmp_path / "models" / "current").write_text("gone\n")
    [problem] = problems(state=tmp_path)
    assert problem.what == "model"


def test_shadow(tmp_path: Path) -> None:
    install_shadow(tmp_path, default_model())
    assert [(finding.what, finding.ok) for finding in check_installation(None, [], tmp_path)][-1] == ("shadow", True)
    (tmp_path / "models" / default_model().name / "model.onnx").unlink()
    [problem] = problems(state=tmp_path)
    assert problem.what == "shadow"


def test_receivers(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setenv("PETAWATCH_WEBHOOK_URLS", f'["http://user:secret@127.0.0.1:{port}/a?token=b"]')
        findings = list(check_installation(None, [], None))
    assert findings[-1].ok
    [problem] = problems()
    assert "does not answer" in problem.sentence
    said = f"{problem.what} {problem.sentence}"
    assert "secret" not in said
    assert "token" not in said


def test_receivers_and_messengers_are_looked_at_without_telling_their_secrets(tmp_path: Path) -> None:
    config = tmp_path / "petawatch.toml"
    config.write_text(
        """
        [[receivers]]
        name = "shift"
        url = "http://me:s3cret@127.0.0.1:9/t0ken"
        [[receivers]]
        name = "log"
        url = "http://127.0.0.1:9/"
        secrets_file = "/nowhere/s"
        [[messengers]]
        name = "chat"
        url = "json://127.0.0.1:9/t0ken"
        [[messengers]]
        name = "odd"
        url = "t0ken"
        """
    )
    found = list(check_installation(config, [], None))
    assert [(finding.what, finding.ok) for finding in found[3:]] == [
        ("webhook shift", False),
        ("webhook log", False),
        ("messenger chat", True),
        ("messenger odd", False),
    ]
    assert "http://127.0.0.1:9 does not answer" in found[3].sentence
    assert "/nowhere/s can't be read" in found[4].sentence
    assert "none that Apprise understands" in found[6].sentence
    assert not any(secret in str(found) for secret in ("s3cret", "t0ken"))


def test_alertmanager_is_asked_without_being_told_anything(tmp_path: Path) -> None:
    config = tmp_path / "petawatch.toml"
    with receiving() as receiver:
        config.write_text(f'[alertmanager]\nurl = "http://127.0.0.1:{receiver.port}"\n')
        assert list(check_installation(config, [], None))[-1].ok
        assert [delivery.body for delivery in receiver.deliveries] == [b"[]"]
    finding = list(check_installation(config, [], None))[-1]
    assert (finding.what, finding.ok) == (f"alertmanager http://127.0.0.1:{receiver.port}", False)
    assert "look at its address and login" in finding.sentence
