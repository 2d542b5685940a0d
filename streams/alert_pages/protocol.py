"""What the process that makes pages of alerts is told and asked, and how it answers: lines of JSON, and contents.

The first line has the settings and their secrets, which no command line or file shows. Each further line is a question,
answered by a line (``AnswerHead``) and the content behind it.
"""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class AnswerHead:
    """What stands before an answer's content.

    Attributes
    ----------
    size
        The content's, bytes.
    failure
        Why there is none, in a sentence without its full stop; else empty.
    lasting
        Whether the answer is the same as long as the alert stands so: not when something could not be had now.
    last
        The process ends after it.
    asked
        The question that it answers.
    """

    size: int = 0
    failure: str = ""
    lasting: bool = False
    last: bool = False
    asked: dict[str, Any] = field(default_factory=dict)


def beginning(settings: str, idle_s: float) -> bytes:
    """The first line; the process ends with this one.

    Parameters
    ----------
    settings
        As ``settings_text`` writes them.
    idle_s
        It also ends when it is asked nothing for so long.
    """
    return json.dumps({"settings": settings, "asker": os.getpid(), "idle_s": idle_s}).encode() + b"\n"


def question(state: Path, alert_id: str, folder: Path, around_ns: int | None = None) -> bytes:
    """What the process is asked.

    Parameters
    ----------
    folder
        What is copied goes there; who asks removes it, as the process may be killed.
    around_ns
        Instead of the page, ``kept_shot_document`` of the shot at this event time is wanted.
    """
    asked = {"state": str(state), "alert": alert_id, "folder": str(folder), "around_ns": around_ns}
    return json.dumps(asked).encode() + b"\n"
