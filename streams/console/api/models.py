"""Versions of the model: which there are, which is in use, which scores beside it."""

from fastapi import APIRouter, Request
from pydantic import Field

from connectors.model_files import default_model, installed_name, shadow_name
from connectors.registry.version_listing import VersionListing
from models.event_time import format_iso
from streams.console.api.answers import Answer
from streams.console.api.route import ApiRoute
from streams.console.api.validators import tag_answer, tag_of_answer
from streams.console.parts import parts

router = APIRouter(prefix="/api/v1", route_class=ApiRoute, tags=["models"])


class ModelVersion(Answer):
    """One version in the registry."""

    version: int = Field(description="Its number.")
    model: str = Field(description="Id of the model, a hash of network and seeds.")
    sha256: str = Field(description="Of its network, hex.")
    aliases: list[str] = Field(description="`candidate`, `shadow`, `production`.")
    registered: str = Field(description="ISO 8601 in UTC.")
    in_use: bool = Field(description="Whether it scores.")
    shadow: bool = Field(description="Whether it scores beside the one in use.")
    metrics: dict[str, float | None] = Field(description="What its training reached; null: no finite number.")
    parameters: dict[str, str] = Field(description="Of its training.")


class Models(Answer):
    """What scores, and what the registry has."""

    in_use: str = Field(description="Id of the model that scores.")
    shipped: bool = Field(description="Whether it is the one that is shipped.")
    shadow: str | None = Field(description="Id of the model that scores beside it; null: none does.")
    versions: list[ModelVersion] | None = Field(
        description="As the registry listed them last, oldest first; null: ask it by `petawatch models`."
    )


@router.get("/models")
def models(request: Request) -> Models:
    """Models in use, and the registered versions. Nothing is promoted here."""
    console = parts(request)
    in_use = installed_name(console.state) or default_model().name
    shadow = shadow_name(console.state) or None
    listed = VersionListing(console.state, console.settings.tracking).read()
    answer = Models(
        in_use=in_use,
        shipped=in_use == default_model().name,
        shadow=shadow,
        versions=None
        if listed is None
        else [
            ModelVersion(
                version=each.version,
                model=each.model,
                sha256=each.sha256,
                aliases=list(each.aliases),
                registered=format_iso(each.created_ns),
                in_use=each.model == in_use,
                shadow=each.model == shadow,
                metrics=dict(each.metrics),
                parameters=dict(each.parameters),
            )
            for each in listed
        ],
    )
    tag_answer(request, tag_of_answer(answer))
    return answer
