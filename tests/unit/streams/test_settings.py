"""Settings: defaults, then a file, then the environment, then the command line."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from models.errors import FatalError
from streams.setting_faults import MOST_FAULTS
from streams.settings import Settings, default_settings, load_settings


def test_defaults() -> None:
    settings = load_settings(None)
    assert settings.join.join_jitter_ms == 5
    assert settings.camera.frame_fpr == 2e-3
    assert str(settings.zone) == "UTC"
    assert settings.worker_threads >= 1
    with pytest.raises(ValidationError):
        settings.threads = 5


def test_the_defaults_alone_take_nothing_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PETAWATCH_JOIN__JOIN_LATENESS_MS", "200")
    monkeypatch.setenv("PETAWATCH_WEBHOOK_URLS", '["http://a.example/"]')
    settings = default_settings()
    assert settings.webhook_urls == ()
    assert settings.join == Settings.model_fields["join"].default


def test_later_layers_win(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "petawatch.toml"
    config.write_text(
        'threads = 3\ntime_zone = "Europe/Bucharest"\n'
        "[join]\njoin_lateness_ms = 100\njoin_jitter_ms = 7\n"
        "[camera.image_episode]\nquiet_shots = 9\n"
        "[sequence]\nmissing_after_s = nan\n"
    )
    monkeypatch.setenv("PETAWATCH_JOIN__JOIN_LATENESS_MS", "200")
    monkeypatch.setenv("PETAWATCH_WEBHOOK_URLS", '["http://a.example/"]')
    settings = load_settings(config, webhook_urls=("http://b.example/",), threads=5)
    assert settings.worker_threads == 5
    assert (settings.join.join_lateness_ms, settings.join.join_jitter_ms) == (200, 7)
    assert settings.camera.image_episode.quiet_shots == 9
    assert settings.camera.image_episode.strong_score == Settings().camera.image_episode.strong_score
    assert settings.webhook_urls == ("http://b.example/",)
    assert str(settings.zone) == "Europe/Bucharest"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nonsense = 1", "nonsense"),
        ("[camera]\nnonsense = 1", "camera.nonsense"),
        ("[camera.image_episode]\nnonsense = 1", "camera.image_episode.nonsense"),
        ("[archive]\nretension_days = 3", "there is no such setting; did you mean retention_days?"),
        ("[archve]\nuploads = 3", "there is no such setting; did you mean archive?"),
        ("[camera.image_episode]\nxyzzy = 1", "xyzzy in "),
        ("threads = -1", "threads"),
        ('[join]\njoin_jitter_ms = "wide"', "join.join_jitter_ms"),
        ("[join]\njoin_lateness_ms = 1", "join_lateness_ms must be at least"),
        ('time_zone = "Mars/Olympus"', "time_zone"),
        ('webhook_urls = ["nonsense"]', "webhook_urls"),
        ("threads = ", "can't be read"),
    ],
)
def test_a_mistake_is_one_sentence_that_names_it(text: str, words: str, tmp_path: Path) -> None:
    config = tmp_path / "petawatch.toml"
    config.write_text(text)
    with pytest.raises(FatalError) as caught:
        load_settings(config)
    assert words in str(caught.value)
    assert str(config) in str(caught.value)
    assert "\n" not in str(caught.value).strip()


def test_all_mistakes_are_told_at_once_a_line_each(tmp_path: Path) -> None:
    config = tmp_path / "petawatch.toml"
    config.write_text(
        'threads = "many"\ncolour = 3\n[console]\nstale_after = 3\n[alarms.kinds.no_beem]\npriority = "urgent"\n'
        "[alarms.kinds.xyzzy]\n"
    )
    with pytest.raises(FatalError) as caught:
        load_settings(config)
    told = dict(line.split(f" in {config}: ", 1) for line in str(caught.value).splitlines())
    assert set(told) == {
        *("threads", "colour", "console.stale_after"),
        *("alarms.kinds.no_beem", "alarms.kinds.no_beem.priority", "alarms.kinds.xyzzy"),
    }
    assert told["console.stale_after"] == "there is no such setting; did you mean stale_after_s?"
    assert told["alarms.kinds.no_beem"] == "there is no such name here; did you mean no_beam?"
    assert told["alarms.kinds.xyzzy"].startswith("there is no such name here; there are image_anomaly, stuck_frame,")
    config.write_text("alarms = 5\n")
    with pytest.raises(FatalError, match=r"it is a table of settings, \[alarms\], and no single value"):
        load_settings(config)


def test_of_very_many_mistakes_the_first_are_told_and_the_others_counted(tmp_path: Path) -> None:
    config = tmp_path / "petawatch.toml"
    config.write_text("".join(f"nonsense_{n} = 1\n" for n in range(MOST_FAULTS + 7)))
    with pytest.raises(FatalError) as caught:
        load_settings(config)
    *told, last = str(caught.value).splitlines()
    assert len(told) == MOST_FAULTS
    assert last == f"and 7 more faults in {config}"


def test_a_mistake_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PETAWATCH_THREADS", "many")
    with pytest.raises(FatalError, match="threads in the environment"):
        load_settings(None)


def test_a_configuration_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="is no file"):
        load_settings(tmp_path / "missing.toml")


def test_whoever_has_tapes_names_his_installation(tmp_path: Path) -> None:
    """Two that took the same default would write to each other's cartridges."""
    config = tmp_path / "petawatch.toml"
    config.write_text("[tape]\nmounts = ['/mnt/tape']\n")
    with pytest.raises(FatalError, match=r"^archive\.installation is not given, and tape\.mounts is: name this"):
        load_settings(config)
    config.write_text("[archive]\ninstallation = 'lab-2'\n[tape]\nmounts = ['/mnt/tape']\n")
    assert load_settings(config).archive.installation == "lab-2"
    assert default_settings().archive.installation == ""
