"""What the hub needs of the vault when it starts: the assessment that it runs on, and word of what can not be read."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from hub.assessment import Assessment, read_assessment
from hub.config import IN_VAULT, Settings
from hub.documents import Documents
from hub.site import Site
from hub.vault import VaultError


@contextmanager
def _documents(settings: Settings) -> Iterator[Documents]:
    if not settings.database.is_file():
        raise VaultError(
            f"database {settings.database}: there is none yet, so no document is in its vault; "
            "put the assessment there with `esplanade-hub documents put`"
        )
    db = sqlite3.connect(f"{settings.database.as_uri()}?mode=ro", uri=True, isolation_level=None)
    with closing(db):
        yield Documents(db, settings.vault_key)


def assessment_of(settings: Settings, site: Site) -> tuple[Assessment, str]:
    """The assessment that the settings name, with title and fingerprint. Raises VaultError or FileError.

    It is decrypted in memory alone.
    """
    with _documents(settings) as documents:
        found = documents.find(settings.assessment_in_vault or "")
        if found.kind != "assessment":
            raise VaultError(f"document {found.title} is a {found.kind}, no assessment")
        plain = documents.read(found)
    return read_assessment(
        f"{IN_VAULT}{found.title}", site, plain
    ), f"{found.title} {found.fingerprint.hex()}"


def lost(settings: Settings) -> dict[str, str]:
    """Documents that can not be read with the keys that are there, and why."""
    with _documents(settings) as documents:
        return documents.unreadable(deep=False)
