"""Who is told, as the settings say it."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from connectors.webhooks.settings import MessengerSettings, ReceiverSettings, Wanted, all_receivers, checked_addresses
from connectors.webhooks.signing import new_secret
from models.alarms.priority import Priority
from models.errors import FatalError
from streams.settings import Settings, load_settings, settings_of_text, settings_text
from streams.telling.receivers import all_told

SHORT = "whsec_" + base64.b64encode(b"x" * 23).decode()


def toml(tmp_path: Path, text: str) -> Path:
    config = tmp_path / "petawatch.toml"
    config.write_text(text, encoding="utf-8")
    return config


def loaded(tmp_path: Path, text: str) -> Settings:
    return load_settings(toml(tmp_path, text))


def test_receivers_and_messengers_are_read_from_the_file(tmp_path: Path) -> None:
    first, second = new_secret(), new_secret()
    settings = loaded(
        tmp_path,
        f"""
        webhook_urls = ["https://hall.example/x"]
        [[receivers]]
        name = "shift"
        url = "https://me:pass@example.org/hook?key=1"
        secrets = ["{first}", "{second}"]
        events = "all"
        minimum_priority = "medium"
        [[messengers]]
        name = "chat"
        url = "mmosts://chat.example/t0ken"
        """,
    )
    [receiver], [messenger] = settings.receivers, settings.messengers
    assert [secret.get_secret_value() for secret in receiver.secrets] == [first, second]
    assert (receiver.events, receiver.minimum_priority) == (Wanted.ALL, Priority.MEDIUM)
    assert (messenger.events, messenger.minimum_priority) == (Wanted.INCIDENT, Priority.LOW)
    assert [one.name for one in all_receivers(settings.webhook_urls, settings.receivers)] == ["hall.example", "shift"]
    for shown in (repr(settings), str(settings.model_dump())):
        assert not any(secret in shown for secret in (first, second, "pass@", "key=1", "t0ken"))
    # A process of our own gets them all.
    again = settings_of_text(settings_text(settings))
    assert again.receivers[0].secrets[1].get_secret_value() == second
    assert again.messengers == settings.messengers
    assert json.loads(settings_text(settings))["receivers"][0]["url"].endswith("key=1")


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ('url = "https://a"\nsecrets = ["whsec_notbase64!"]', "a secret of the receiver shift is none"),
        (f'url = "https://a"\nsecrets = ["{SHORT}"]', "24 to 64 bytes in base64"),
        (f'url = "https://a"\nsecrets = ["{new_secret().removeprefix("whsec_")}"]', "it is whsec_ and"),
        (f'url = "https://a"\nsecrets = {[new_secret() for _ in range(3)]}', "has 3 secrets; give one, or two"),
        (f'url = "https://a"\nsecrets_file = "/x"\nsecrets = ["{new_secret()}"]', "either secrets or a secrets_file"),
        ('url = "ftp://sec-ret/path"', "the url of the receiver shift is no http or https address"),
        ('url = "https://a"\nevents = "some"', "'alert', 'incident' or 'all'"),
        ('url = "https://a"\nminimum_priority = "worst"', "'low', 'medium' or 'high'"),
        ('url = "https://a"\nhost = "b"', "there is no such setting"),
    ],
)
def test_what_is_wrong_is_said_without_any_secret(tmp_path: Path, lines: str, sentence: str) -> None:
    with pytest.raises(FatalError) as failure:
        loaded(tmp_path, f'[[receivers]]\nname = "shift"\n{lines}\n')
    said = str(failure.value)
    assert sentence in said
    assert said.startswith("receivers.0")
    assert not any(secret in said for secret in ("notbase64", "sec-ret", SHORT))
    assert "whsec_" not in said.replace("it is whsec_ and", "")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('webhook_urls = ["http://a/"]\n[[receivers]]\nname = "a"\nurl = "http://b/"', "are called a"),
        ('[[receivers]]\nname = "a"\nurl = "http://b/"\n[[messengers]]\nname = "a"\nurl = "json://c"', "are called a"),
        ('[[receivers]]\nname = "a b"\nurl = "http://b/"', "can't be the name"),
        ('[[messengers]]\nname = "a"', "either a url or a url_file"),
        ('[[messengers]]\nname = "a"\nurl = "json://b"\nurl_file = "/c"', "either a url or a url_file"),
    ],
)
def test_names_are_given_once_and_addresses_too(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(FatalError, match=sentence):
        loaded(tmp_path, text)


def test_a_replay_tells_nobody_but_those_who_are_named(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        """
        webhook_urls = ["http://a/"]
        [[receivers]]
        name = "shift"
        url = "http://b/"
        [[messengers]]
        name = "chat"
        url = "json://c"
        [alertmanager]
        url = "http://d"
        """,
    )
    assert [one.name for one in all_told(settings)] == ["a", "shift", "chat"]
    assert all_told(settings.telling_only()) == ()
    quiet = settings.telling_only(["http://e/"])
    assert [one.name for one in all_told(quiet)] == ["e"]
    assert quiet.alertmanager.url == ""


def test_short_forms_are_called_after_their_host_and_keep_their_names_apart() -> None:
    urls = ("https://me:x@a.example:8443/one", "http://b.example/one", "http://b.example/two")
    names = [one.name for one in all_receivers(urls, ())]
    assert names[0] == "a.example:8443"
    assert len(set(names)) == 3
    assert all(name.startswith("b.example-") for name in names[1:])
    assert [one.name for one in all_receivers((urls[2], urls[1]), ())] == [names[2], names[1]]  # whatever their order


@pytest.mark.parametrize(
    "urls",
    [
        ("ftp://example.org",),
        ("example.org",),
        ("http://",),
        ("http://host:99999/",),
        ("http://a b/",),
        ("http://host/\r\nX: y",),
        ("http://a/", "http://a/"),
    ],
)
def test_addresses_are_checked(urls: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"no http or https address|is given twice"):
        checked_addresses(urls)
    assert checked_addresses(("http://a/", "https://me:secret@b:8443/c?d=e")) != ()


@pytest.mark.parametrize("number", [64, 65])
def test_there_are_not_too_many(number: int) -> None:
    receivers: Any = tuple(ReceiverSettings(name=str(one), url=SecretStr("http://a/")) for one in range(number))
    if number == 64:
        assert len(Settings(receivers=receivers).receivers) == 64
        return
    with pytest.raises(ValueError, match="at most 64"):
        Settings(receivers=receivers)


def test_a_messenger_is_compared_by_what_it_is() -> None:
    assert MessengerSettings(name="a", url=SecretStr("json://b")) == MessengerSettings(
        name="a", url=SecretStr("json://b")
    )
