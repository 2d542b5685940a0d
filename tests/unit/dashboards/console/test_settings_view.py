from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr

from dashboards.console.settings_view import setting_groups, shown_value
from streams.settings import SettingOrigin, load_settings, setting_origins


@dataclass(frozen=True)
class Inner:
    secret: SecretStr
    count: int


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (SecretStr("hunter2"), "hidden"),
        (SecretStr(""), "not set"),
        (None, "not set"),
        (True, "yes"),
        (0.5, "0.5"),
        ((), "none"),
        (Path("/srv/archive"), "/srv/archive"),
        ("s3://bucket", "s3://bucket"),
        ("http://control-room:9464", "http://control-room:9464"),
        ("https://hooks.example.org/services/T0/B0/xyz?key=abc", "https://hooks.example.org/... (hidden)"),
        ("mongodb://ada:hunter2@db.example.org:27017/petawatch", "mongodb://db.example.org:27017/... (hidden)"),
        ("mailtos://ada:hunter2@example.org", "mailtos://hidden"),
        (("tgram://123:abc/45", "plain"), "tgram://hidden, plain"),
        ({"one": SecretStr("x")}, "one: hidden"),
        (Inner(SecretStr("x"), 3), "secret hidden; count 3"),
        ("http://[broken", "http://hidden"),
    ],
)
def test_no_secret_is_shown(value: object, shown: str) -> None:
    assert shown_value(value) == shown


def test_every_option_has_its_value_its_source_and_its_meaning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "petawatch.toml"
    config.write_text('time_zone = "Europe/Bucharest"\n[archive]\nuploads = 7\n[kafka]\npassword = "hunter2"\n')
    monkeypatch.setenv("PETAWATCH_THREADS", "3")
    monkeypatch.setenv("PETAWATCH_ARCHIVE__UPLOADS", "9")
    origins = setting_origins(config)
    groups = {group.name: group for group in setting_groups(load_settings(config), origins)}
    rows = {row.name: row for group in groups.values() for row in group.rows}
    found = {name: (rows[name].value, rows[name].source) for name in rows if rows[name].source != "default"}
    assert found == {
        "time_zone": ("Europe/Bucharest", SettingOrigin.FILE),
        "threads": ("3", SettingOrigin.ENVIRONMENT),
        "archive.uploads": ("9", SettingOrigin.ENVIRONMENT),
        "kafka.password": ("hidden", SettingOrigin.FILE),
    }
    assert "copied into the store at once" in rows["archive.uploads"].meaning
    only_set = setting_groups(load_settings(config), origins, only_set=True)
    assert {row.name for group in only_set for row in group.rows} == set(found)
    assert "hunter2" not in str(only_set)
