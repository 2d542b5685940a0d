"""What Prometheus is told of the console's process; that it answers says that the console is up."""

from fastapi import APIRouter, Request
from fastapi.responses import Response
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder

router = APIRouter()

_REGISTRY = CollectorRegistry()
ProcessCollector(registry=_REGISTRY)


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """The usual ``process_*`` figures."""
    encoder, content_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encoder(_REGISTRY), headers={"Content-Type": content_type})
