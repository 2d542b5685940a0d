"""What the page of the REST API shows, from the API's own document."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

# Documents are written with a few marks of Markdown: what stands between backticks is code.
_CODE = re.compile(r"`([^`]*)`")
_REFERENCE = "#/components/schemas/"
_JSON = "application/json"
_OR_NULL = " or null"


@dataclass(frozen=True, slots=True)
class Piece:
    """Some words, perhaps code."""

    text: str
    is_code: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldRow:
    """A parameter, or a field of a document.

    Attributes
    ----------
    where
        ``path``, ``query``, or empty.
    document
        The kind of document that it is made of; empty for others.
    """

    name: str
    where: str
    type: str
    document: str
    required: bool
    meaning: tuple[Piece, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationEntry:
    """One path and method.

    Attributes
    ----------
    anchor
        Its id in the page.
    body
        Fields of what is sent; empty without a body.
    answers
        Media types that it can answer with.
    answer
        Name of the document that JSON answers are; empty for others.
    """

    anchor: str
    method: str
    path: str
    meaning: tuple[Piece, ...]
    parameters: tuple[FieldRow, ...]
    body: tuple[FieldRow, ...]
    answers: tuple[str, ...]
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationGroup:
    """What belongs together."""

    name: str
    meaning: tuple[Piece, ...]
    operations: tuple[OperationEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentEntry:
    """A kind of document, with its fields, or the words that it can be."""

    name: str
    meaning: tuple[Piece, ...]
    fields: tuple[FieldRow, ...]
    words: tuple[str, ...]


def pieces(text: str) -> tuple[Piece, ...]:
    """A text cut at its backticks."""
    parts = _CODE.split(text)
    return tuple(Piece(part, bool(number % 2)) for number, part in enumerate(parts) if part)


def operation_groups(document: Mapping[str, Any]) -> list[OperationGroup]:
    """All paths and methods by their tags, in the document's order."""
    entries: dict[str, list[OperationEntry]] = {tag["name"]: [] for tag in document["tags"]}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            entries[operation["tags"][0]].append(_operation(document, path, method, operation))
    return [
        OperationGroup(name=tag["name"], meaning=pieces(tag["description"]), operations=tuple(entries[tag["name"]]))
        for tag in document["tags"]
    ]


def document_entries(document: Mapping[str, Any]) -> list[DocumentEntry]:
    """All kinds of documents, by name."""
    return [
        DocumentEntry(
            name=name,
            meaning=pieces(schema.get("description", "")),
            fields=tuple(_fields(schema)),
            words=tuple(schema.get("enum", ())),
        )
        for name, schema in sorted(document["components"]["schemas"].items())
    ]


def _operation(document: Mapping[str, Any], path: str, method: str, operation: Mapping[str, Any]) -> OperationEntry:
    content = next(answer.get("content", {}) for code, answer in operation["responses"].items() if code[0] == "2")
    sent = operation.get("requestBody", {}).get("content", {}).get(_JSON, {}).get("schema", {})
    return OperationEntry(
        anchor=operation["operationId"],
        method=method.upper(),
        path=path,
        meaning=pieces(operation["description"]),
        parameters=tuple(_parameter(each) for each in operation.get("parameters", ())),
        body=tuple(_fields(_resolved(document, sent))),
        answers=tuple(content),
        answer=_name(content.get(_JSON, {}).get("schema", {})),
    )


def _parameter(parameter: Mapping[str, Any]) -> FieldRow:
    return FieldRow(
        name=parameter["name"],
        where=parameter["in"],
        type=_type(parameter["schema"]).removesuffix(_OR_NULL),  # it is rather left out
        document=_document(parameter["schema"]),
        required=parameter.get("required", False),
        meaning=pieces(parameter.get("description", "")),
    )


def _fields(schema: Mapping[str, Any]) -> Iterator[FieldRow]:
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        yield FieldRow(
            name=name,
            where="",
            type=_type(field),
            document=_document(field),
            required=name in required,
            meaning=pieces(field.get("description", "")),
        )


def _resolved(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The kind of document that a schema names, perhaps as one of two of which the other is nothing."""
    name = _name(schema) or next(filter(None, map(_name, schema.get("anyOf", ()))), "")
    found: Mapping[str, Any] = document["components"]["schemas"][name] if name else schema
    return found


def _type(schema: Mapping[str, Any]) -> str:
    """In words."""
    if name := _name(schema):
        return name
    if options := schema.get("anyOf"):
        return " or ".join(_type(option) for option in options)
    if words := schema.get("enum"):
        return ", ".join(map(str, words))
    kind = str(schema.get("type", "anything"))
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if kind == "object" and isinstance(values := schema.get("additionalProperties"), Mapping):
        return f"{_type(values)} by name"
    limits = [f"{words} {schema[name]}" for name, words in (("minimum", "from"), ("maximum", "to")) if name in schema]
    return " ".join([kind, *limits])


def _document(schema: Mapping[str, Any]) -> str:
    """The first kind of document that a type names."""
    inner = [schema.get("items", {}), *schema.get("anyOf", ())]
    return _name(schema) or next(filter(None, (_document(each) for each in inner if each)), "")


def _name(schema: Mapping[str, Any]) -> str:
    return str(schema.get("$ref", "")).removeprefix(_REFERENCE)
