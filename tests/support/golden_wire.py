"""Writes the golden files of the wire format: ``python -m tests.support.golden_wire``.

A file that exists is never changed: messages like it lie on brokers. A new version gets files of its own.
"""

import base64
import json
from pathlib import Path

from connectors.wire.codec import encode
from connectors.wire.message import Headers
from tests.support.wire_messages import EXAMPLES, ORIGIN

GOLDEN = Path(__file__).parent.parent / "golden"


def write_golden(path: Path, value: bytes, headers: Headers) -> None:
    """Write a message's exact bytes; header values are shown as text where they are UTF-8."""
    document = {"headers": [_header(name, data) for name, data in headers], "value": base64.b64encode(value).decode()}
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_golden(path: Path) -> tuple[bytes, Headers]:
    """The message that ``write_golden`` wrote."""
    document = json.loads(path.read_text(encoding="utf-8"))
    headers = tuple(
        (entry["name"], entry["text"].encode() if "text" in entry else base64.b64decode(entry["bytes"]))
        for entry in document["headers"]
    )
    return base64.b64decode(document["value"]), headers


def _header(name: str, data: bytes) -> dict[str, str]:
    try:
        return {"name": name, "text": data.decode()}
    except UnicodeDecodeError:
        return {"name": name, "bytes": base64.b64encode(data).decode()}


def main() -> None:
    """Write those that are missing."""
    GOLDEN.mkdir(exist_ok=True)
    for name, message in EXAMPLES.items():
        path = GOLDEN / f"{name}.json"
        if not path.exists():
            encoded = encode(message, ORIGIN)
            write_golden(path, encoded.value, encoded.headers)


if __name__ == "__main__":
    main()
