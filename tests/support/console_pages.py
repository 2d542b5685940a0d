"""Pages of a console as tests read them, and their forms."""

import re

from fastapi.testclient import TestClient

from tests.support.consoles import HTML
from tests.support.signing_in import csrf_token


def post(client: TestClient, path: str, **fields: str) -> str:
    """As the form of a page does; the page that comes of it."""
    token = csrf_token(client.get("/incidents", headers=HTML).text)
    answer = client.post(path, data={"csrf": token, **fields}, headers=HTML)
    assert answer.status_code in {200, 409, 422}, answer.text
    return str(answer.text)


def told(page: str) -> tuple[str, bool]:
    """What is said of the step, and whether it was refused."""
    match = re.search(r'id="told" class="told( bad)?" role="status">([^<]*)<', page)
    assert match is not None, page
    return match[2], match[1] is not None


def text_of(page: str) -> str:
    """What stands on a page, without its tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
