"""Whether a catalog opens, has the format of this program, and may be written to."""

import os
import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from connectors.catalog.catalog_format import CatalogFormat, catalog_format
from connectors.catalog.opening import catalog_file, open_catalog
from connectors.catalog.settings import CatalogSettings
from models.archive.file_query import FileQuery
from streams.archive.lost_catalog import catalog_missing, files_entered
from streams.installation_finding import Finding, found, place_finding

_PROBE = "petawatch check"
_PATIENCE_S = 10.0
_LEASE_S = 60.0


def check_catalog(settings: CatalogSettings, folder: Path | None) -> Iterator[Finding]:
    """Take a lease in it, of one name always, and end that: two commits. Nothing is said when nobody knows where it is.

    Parameters
    ----------
    folder
        The archive's; None when it is not known.
    """
    if folder is None and not settings.address:
        return
    folder = folder or Path()
    file = catalog_file(settings, folder)
    what = f"catalog {file or settings.address}"
    quick = replace(settings, timeout_s=min(settings.timeout_s, _PATIENCE_S))
    finding = found(what, lambda: _written(quick, folder, str(file or settings.address)))
    if finding.ok and file is not None and not file.exists():
        finding = place_finding(what, file.parent)
        finding = replace(finding, sentence=f"is not there yet, the archiver makes it; its folder: {finding.sentence}")
    yield finding


def _written(settings: CatalogSettings, folder: Path, named: str) -> str:
    there = catalog_format(settings, folder)
    if there is CatalogFormat.NONE and (files := files_entered(folder)):
        raise catalog_missing(named, files)
    if there is CatalogFormat.NONE:
        return "is not there yet; the archiver makes it"
    if there is CatalogFormat.EARLIER:
        return "has an earlier format; the first archiver or keeper of this version brings it to the present one"
    with closing(open_catalog(settings, folder)) as catalog:
        if next(iter(catalog.find_files(FileQuery())), None) is None and (files := files_entered(folder)):
            raise catalog_missing(named, files)
        holder = f"process {os.getpid()} on {socket.gethostname()}"
        catalog.take_lease(_PROBE, holder, _LEASE_S)
        catalog.end_lease(_PROBE, holder)
    return "has the present format, and can be written to"
