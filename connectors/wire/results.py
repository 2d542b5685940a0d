"""Scored rows, decided rows and triplets: documents with arrays."""

from typing import Any

import numpy as np

from connectors.wire.containers import checked_array, read_container, write_container
from connectors.wire.document import Document, checked_list, checked_source, checked_text
from connectors.wire.header_fields import HeaderFields, write_headers
from connectors.wire.message import Headers, Incoming
from connectors.wire.rows import (
    decided_values,
    moment_values,
    read_decided,
    read_record_counts,
    read_scored,
    read_triplets,
    scored_values,
    source_values,
    stage_values,
    triplet_values,
)
from connectors.wire.schema import Format, Schema
from models.messages import DecidedMessage, ReplacementPart, ScoredMessage
from models.state import State


def _write_scored(message: ScoredMessage) -> tuple[bytes, Headers]:
    scored = message.scored
    # What the ledger needs when the message is refused stands in headers, as with records.
    headers = {
        "file": scored.source.file,
        "sha256": scored.source.sha256,
        "device": scored.device.name,
        "records": len(scored),
        "start_ns": message.moment.start_ns,
        "closed_ns": message.moment.closed_ns,
    }
    values = {
        "moment": moment_values(message.moment),
        "retried": message.retried,
        "scored": scored_values(scored),
    }
    return write_container(values), write_headers(headers)


def _read_scored(incoming: Incoming, _: HeaderFields) -> ScoredMessage:
    document = read_container(incoming.value or b"")
    return ScoredMessage(
        scored=read_scored(document.raw("scored")), moment=document.moment(), retried=document.flag("retried")
    )


def _write_decided(message: DecidedMessage) -> tuple[bytes, Headers]:
    values = {
        "stage": stage_values(message.stage),
        "moment": moment_values(message.moment),
        "decided": [decided_values(block) for block in message.decided],
        "triplets": None if message.triplets is None else triplet_values(message.triplets),
        "pending": [[*source_values(source), records] for source, records in message.pending.items()],
        "ended": [[source_values(source), device] for source, device in message.ended],
        "replacement": None if message.replacement is None else _replacement_values(message.replacement),
        "retried": [[*source_values(source), records] for source, records in message.retried.items()],
    }
    return write_container(values), write_headers({"stage": str(message.stage)})


def _read_decided(incoming: Incoming, _: HeaderFields) -> DecidedMessage:
    document = read_container(incoming.value or b"")
    return DecidedMessage(
        stage=document.stage(),
        moment=document.moment(),
        decided=tuple(read_decided(item) for item in document.items("decided")),
        triplets=None if document.is_null("triplets") else read_triplets(document.inner("triplets")),
        pending=read_record_counts(document.items("pending"), "pending"),
        ended=tuple(_read_ended(item) for item in document.items("ended")),
        replacement=None if document.is_null("replacement") else _read_replacement(document.inner("replacement")),
        retried=read_record_counts(document.items("retried"), "retried"),
    )


def _read_ended(item: object) -> tuple[Any, str]:
    source, device = checked_list(item, "ended", 2)
    return checked_source(source, "ended"), checked_text(device, "ended")


def _replacement_values(part: ReplacementPart) -> State:
    return {
        "source": source_values(part.source),
        "stage": stage_values(part.stage),
        "scored": [scored_values(block) for block in part.scored],
        "join_state": np.frombuffer(part.join_state, np.uint8),
    }


def _read_replacement(document: Document) -> ReplacementPart:
    return ReplacementPart(
        source=document.source(),
        stage=document.stage(),
        scored=tuple(read_scored(item) for item in document.items("scored")),
        join_state=checked_array(document, "join_state", np.uint8, (None,)).tobytes(),
    )


#: Version 1 of scored rows.
SCORED: Format[ScoredMessage] = Format(Schema("scored", 1), _write_scored, _read_scored)
#: Version 1 of what the join decided.
DECIDED: Format[DecidedMessage] = Format(Schema("decided", 1), _write_decided, _read_decided)
