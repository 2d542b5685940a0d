"""The settings, to be read only: each value with the place that it comes from."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from dashboards.console.settings_view import setting_groups
from models.errors import PetawatchError
from streams.console.parts import parts
from streams.console.rendering import render
from streams.settings import SettingOrigin

router = APIRouter()


@router.get("/settings")
def settings(request: Request, show: Annotated[str, Query(max_length=10)] = "") -> HTMLResponse:
    """All of them, or only those that are not left at their default."""
    console = parts(request)
    trouble, origins = "", dict[str, SettingOrigin]()
    try:
        origins, changed = console.setting_sources.now()
        if changed:
            trouble = (
                "File or environment were changed after the console was started: these are the values in use here."
            )
    except PetawatchError as error:
        trouble = f"{error}. The sources of the values are not known."
    return render(
        request,
        "settings.html",
        trouble=trouble,
        config=str(console.config or ""),
        groups=setting_groups(console.settings, origins, only_set=show == "set"),
        only_set=show == "set",
    )
