"""Makes what is shown of alerts in a process of its own, for ``streams.alert_pages``: out of the watch's way.

Questions come by standard input, a line each, the first of them with the settings and their secrets, which no command
line or file shows. Each is answered on standard output by a line (``AnswerHead``) and the content behind it. The
process ends when nobody asks for a while, when it has grown large, and with the one that started it.
"""

import json
import os
import select
import sys
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from connectors.end_with_parent import end_with
from connectors.process_priority import step_back


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


def main() -> int:
    """Answer the questions on standard input."""
    # Not buffered: what is waiting is seen by select.
    questions = open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)  # noqa: SIM115 - standard input
    answers = _own_output()
    begun = json.loads(questions.readline())
    end_with(begun["asker"])
    step_back()
    # Only now, as it is most of the work.
    from streams.alert_pages.answers import answered  # noqa: PLC0415
    from streams.settings import settings_of_text  # noqa: PLC0415

    settings = settings_of_text(begun["settings"])
    while select.select([questions], [], [], begun["idle_s"])[0]:
        line = questions.readline()
        if not line:  # nobody asks any more
            return 0
        asked = json.loads(line)
        head, content = answered(asked, settings)
        answers.write(json.dumps(asdict(replace(head, asked=asked))).encode() + b"\n" + content)
        answers.flush()
        if head.last:
            return 0
    return 0


def _own_output() -> BinaryIO:
    """Standard output, for answers alone: what libraries write there goes to standard error from now on."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


if __name__ == "__main__":
    sys.exit(main())
