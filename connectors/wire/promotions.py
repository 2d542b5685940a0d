"""Models on Kafka: which one is to score from here on, and the files of each."""

import re

import numpy as np

from connectors.wire.containers import checked_array, read_container, write_container
from connectors.wire.document import Document, read_document, write_document
from connectors.wire.header_fields import HeaderFields, write_headers
from connectors.wire.message import Headers, Incoming
from connectors.wire.schema import Format, Schema
from models.messages import ModelFiles, ModelPromotion

# Both become names of files: nothing that leads elsewhere.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)
_MOST_FILES = 16


def _write_promotion(message: ModelPromotion) -> tuple[bytes, Headers]:
    _check_name(message.model)
    return write_document({"at_ns": message.at_ns}), write_headers({"model": message.model})


def _read_promotion(incoming: Incoming, fields: HeaderFields) -> ModelPromotion:
    document = read_document(incoming.value or b"")
    return ModelPromotion(model=_check_name(fields.text("model")), at_ns=document.time_ns("at_ns"))


def _write_files(message: ModelFiles) -> tuple[bytes, Headers]:
    for name in (message.model, *message.files):
        _check_name(name)
    files = {name: np.frombuffer(data, np.uint8) for name, data in message.files.items()}
    return write_container({"files": files}), write_headers({"model": message.model})


def _read_files(incoming: Incoming, fields: HeaderFields) -> ModelFiles:
    document: Document = read_container(incoming.value or b"").inner("files")
    names = [_check_name(name) for name in document.values()]
    if not 1 <= len(names) <= _MOST_FILES:
        raise ValueError(f"a model of {len(names)} files")
    files = {name: checked_array(document, name, np.uint8, (None,)).tobytes() for name in names}
    return ModelFiles(model=_check_name(fields.text("model")), files=files)


def _check_name(name: str) -> str:
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"{name[:100]!r} can't be the name of a model or of a file")
    return name


#: Version 1 of promotions.
PROMOTIONS: Format[ModelPromotion] = Format(Schema("promotion", 1), _write_promotion, _read_promotion)
#: Version 1 of the files of models.
MODEL_FILES: Format[ModelFiles] = Format(Schema("model-files", 1), _write_files, _read_files)
