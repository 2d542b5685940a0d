"""What is wrong with an installation, before anything runs."""

import os
import socket
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from connectors.model_files import default_model, install_model, install_shadow
from streams.installation_check import check_installation
from streams.installation_finding import Finding


def problems(config: Path | None = None, folders: list[Path] | None = None, state: Path | None = None) -> list[Finding]:
    return [finding for finding in check_installation(config, folders or [], state) if not finding.ok]


def test_nothing_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.h5").touch()
    findings = list(check_installation(None, [tmp_path / "data"], tmp_path / "state"))
    assert all(finding.ok for finding in findings)
    assert [finding.what.split()[0] for finding in findings] == ["configuration", "folder", "state", "model"]
    assert "1 snapshots" in findings[1].sentence
    assert findings[3].sentence == default_model().name
    assert [path.name for path in tmp_path.iterdir()] == ["data"]  # nothing is made


def test_a_configuration_that_is_wrong_is_all_that_is_said(tmp_path: Path) -> None:
    config = tmp_path / "petawatch.toml"
    config.write_text("nonsense = 1")
    [problem] = check_installation(config, [tmp_path / "missing"], None)
    assert (problem.what, problem.ok) == ("configuration", False)
    assert "nonsense" in problem.sentence


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
