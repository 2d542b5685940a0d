"""Where settings come from is found out once, and again when their file was changed."""

from pathlib import Path

from fastapi.testclient import TestClient

from streams.console.access.access import Access
from streams.console.app import create_app
from streams.console.parts import make_parts
from streams.settings import load_settings
from tests.support.consoles import HTML
from tests.support.manual_clock import ManualClock


def test_a_file_that_changed_is_noticed_each_time(tmp_path: Path) -> None:
    config, clock = tmp_path / "petawatch.toml", ManualClock()
    config.write_text("[links]\naddress = 'http://a'\n")
    settings = load_settings(config)
    parts = make_parts(tmp_path, settings, clock, Access(tmp_path, "127.0.0.1", settings.console, clock), config)
    client = TestClient(create_app(parts), base_url="http://127.0.0.1")

    def page() -> str:
        return str(client.get("/settings?show=set", headers=HTML).text)

    for _ in range(2):
        assert "links.address" in page()
        assert "were changed" not in page()
    config.write_text("[links]\naddress = 'http://other'\n")
    assert "were changed" in page()
    config.unlink()
    assert "The sources of the values are not known" in page()
    config.write_text("[links]\naddress = 'http://a'\n")
    assert "were changed" not in page()
