"""What the process of ``streams.alert_pages.process`` answers; importing this takes most of its time."""

import json
import resource
from pathlib import Path
from typing import Any

from models.errors import PetawatchError
from streams.alert_pages.protocol import AnswerHead
from streams.replay.kept_shot import kept_shot_page
from streams.replay.shot_document import kept_shot_document
from streams.settings import Settings

# A page is a few pictures; a larger one is none that a browser should get.
_MOST_BYTES = 32 << 20
# What is left of the files that were read: beyond it the next question goes to a new process.
_LARGEST_KIB = 1 << 20


def answered(asked: dict[str, Any], settings: Settings) -> tuple[AnswerHead, bytes]:
    """The answer to a ``question``, and its content."""
    wanted, folder = (Path(asked["state"]), settings, asked["alert"]), Path(asked["folder"])
    lasting = True
    try:
        if asked["around_ns"] is None:
            content = kept_shot_page(*wanted, folder).encode()
        else:
            document = kept_shot_document(*wanted, asked["around_ns"], folder)
            content, lasting = json.dumps(document).encode(), not document["trouble"]
    except PetawatchError as error:
        return AnswerHead(failure=str(error), last=_is_large()), b""
    if len(content) > _MOST_BYTES:
        return AnswerHead(failure="the page is too large to be served", last=_is_large()), b""
    return AnswerHead(size=len(content), lasting=lasting, last=_is_large()), content


def _is_large() -> bool:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > _LARGEST_KIB
