"""Models on Kafka: which one is to score from here on, which one beside it, and the files of each."""

import re

import numpy as np

from connectors.wire.containers import checked_array, read_container, write_container
from connectors.wire.document import Document, read_document, write_document
from connectors.wire.header_fields import HeaderFields, write_headers
from connectors.wire.message import Headers, Incoming
from connectors.wire.schema import Format, Schema
from models.messages import ModelFiles, ModelPromotion, ModelRole, ShadowPromotion

# Both become names of files: nothing that leads elsewhere.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)
_MOST_FILES = 16
_ROLE = "role"


def _write_promotion(message: ModelPromotion) -> tuple[bytes, Headers]:
    _check_name(message.model)
    return write_document({"at_ns": message.at_ns}), write_headers({"model": message.model})


def _read_promotion(incoming: Incoming, fields: HeaderFields) -> ModelPromotion:
    document = read_document(incoming.value or b"")
    return ModelPromotion(model=_check_name(fields.text("model")), at_ns=document.time_ns("at_ns"))


def _write_shadow(message: ShadowPromotion) -> tuple[bytes, Headers]:
    if message.model:
        _check_name(message.model)
    return write_document({"model": message.model, "at_ns": message.at_ns}), ()


def _read_shadow(incoming: Incoming, _: HeaderFields) -> ShadowPromotion:
    document = read_document(incoming.value or b"")
    model = document.text("model")
    return ShadowPromotion(model=_check_name(model) if model else "", at_ns=document.time_ns("at_ns"))


def files_of_shadow(incoming: Incoming) -> bool:
    """Whether the files of a model were written because it became the shadow; looks at no byte of them."""
    return (_ROLE, ModelRole.SHADOW.encode()) in incoming.headers


def _write_files(message: ModelFiles) -> tuple[bytes, Headers]:
    for name in (message.model, *message.files):
        _check_name(name)
    files = {name: np.frombuffer(data, np.uint8) for name, data in message.files.items()}
    # Without it they are those of a model in use, as before there were shadows.
    role = {} if message.role is ModelRole.PRODUCTION else {_ROLE: message.role}
    return write_container({"files": files}), write_headers({"model": message.model, **role})


def _read_files(incoming: Incoming, fields: HeaderFields) -> ModelFiles:
    document: Document = read_container(incoming.value or b"").inner("files")
    names = [_check_name(name) for name in document.values()]
    if not 1 <= len(names) <= _MOST_FILES:
        raise ValueError(f"a model of {len(names)} files")
    files = {name: checked_array(document, name, np.uint8, (None,)).tobytes() for name in names}
    role = fields.choice(_ROLE, ModelRole) if _ROLE in fields else ModelRole.PRODUCTION
    return ModelFiles(model=_check_name(fields.text("model")), files=files, role=role)


def _check_name(name: str) -> str:
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"{name[:100]!r} can't be the name of a model or of a file")
    return name


#: Version 1 of promotions.
PROMOTIONS: Format[ModelPromotion] = Format(Schema("promotion", 1), _write_promotion, _read_promotion)
#: Version 1 of shadows.
SHADOWS: Format[ShadowPromotion] = Format(Schema("shadow", 1), _write_shadow, _read_shadow)
#: Version 1 of the files of models.
MODEL_FILES: Format[ModelFiles] = Format(Schema("model-files", 1), _write_files, _read_files)
