"""The console's application as a whole."""

from pathlib import Path

import pytest
from jinja2 import Environment

from streams.console.rendering import NAVIGATION, prepare_templates
from tests.support.consoles import HTML, console_client


def test_the_wall_is_there_without_a_watch(tmp_path: Path) -> None:
    answer = console_client(tmp_path).get("/", headers=HTML)
    assert answer.status_code == 200
    assert "<h1" in answer.text


def test_what_is_not_there_is_a_page_for_people_and_json_for_programs(tmp_path: Path) -> None:
    client = console_client(tmp_path)
    page, document = client.get("/nothing", headers=HTML), client.get("/nothing")
    assert page.status_code == document.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    assert set(document.json()) == {"error", "reason"}


def test_no_template_is_left_to_whoever_asks_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare_templates()
    monkeypatch.setattr(Environment, "compile", lambda *_, **__: pytest.fail("a template is translated for a request"))
    client = console_client(tmp_path)
    for entry in NAVIGATION:
        assert client.get(entry.path, headers=HTML).status_code == 200, entry.path
