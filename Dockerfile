# Petawatch for a facility or a laboratory: every command, Kafka's clients, the shipped model; no training.
# Python's minor version is the one that the tests run with.
FROM python:3.11.14-slim-bookworm AS build

ENV UV_PROJECT_ENVIRONMENT=/opt/petawatch \
    UV_PYTHON_DOWNLOADS=never \
    UV_LINK_MODE=copy \
    UV_NO_CACHE=1

RUN pip install --no-cache-dir --disable-pip-version-check uv==0.13.9

WORKDIR /source
# The dependencies are a layer of their own: they change less often than the code.
COPY pyproject.toml uv.lock README.md LICENSE ./
RUN uv sync --frozen --no-dev --extra kafka --extra mongodb --no-install-project --compile-bytecode

COPY models models
COPY connectors connectors
COPY dashboards dashboards
COPY streams streams
RUN uv sync --frozen --no-dev --extra kafka --extra mongodb --no-editable

# A kernel's cache knows its source by the time of the file, and layers keep whole seconds only. Every build has a time
# of its own, so kernels that an older image left in the volume are never taken for these.
RUN now="@$(date +%s)" && cd /opt/petawatch/lib/python3.11/site-packages \
    && find models connectors dashboards streams -name '*.py' -exec touch --date="$now" {} + \
    && /opt/petawatch/bin/python -m compileall -q models connectors dashboards streams

# Kernels are compiled here, and again at the first start on another type of processor; see NUMBA_CACHE_DIR below.
ENV NUMBA_CACHE_DIR=/var/cache/petawatch
WORKDIR /tmp
RUN /opt/petawatch/bin/python -m streams.warm_up


FROM python:3.11.14-slim-bookworm

RUN useradd --system --uid 10001 --user-group --no-create-home --home-dir /tmp --shell /usr/sbin/nologin petawatch \
    && install --directory --owner=petawatch --group=petawatch /var/lib/petawatch /data/recorders

COPY --from=build /opt/petawatch /opt/petawatch
COPY --from=build --chown=petawatch:petawatch /var/cache/petawatch /var/cache/petawatch

# The root file system may be read-only: what is written goes to /var/lib/petawatch (the state), /var/cache/petawatch
# (compiled kernels; a volume there begins with those of the image) and /tmp.
ENV PATH=/opt/petawatch/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    NUMBA_CACHE_DIR=/var/cache/petawatch

WORKDIR /tmp
USER petawatch
ENTRYPOINT ["petawatch"]
CMD ["--help"]
