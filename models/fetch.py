"""Fetches a model's file: from its addresses, or from a mirror; what is not the pinned file is refused and deleted."""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import os
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Final

from models.manifest import Model
from models.store import MIRROR_VARIABLE, WrongContent, place, verify

TIMEOUT_S: Final = 30.0
CHUNK_BYTES: Final = 1 << 16
PARTIAL: Final = ".partial"

Progress = Callable[[int], object]
"""Told how many bytes have just arrived."""


class FetchFailed(OSError):
    """No address gave the file; the message says what each answered."""


def fetch(model: Model, *, mirror: str | None = None, progress: Progress = lambda _: None) -> Path:
    """Put the file of `model` in its place and return the path; a file already there and right is left alone.

    `mirror`: a folder or an address that stands in for the manifest's addresses (None: ESPLANADE_MODEL_MIRROR).
    The file is written beside its place under a temporary name and moved there once its hash is right. What a fetch
    that was killed left there is deleted.
    Raises `FetchFailed`, `WrongContent`, `OSError`.
    """
    target = place(model)
    if not model.shipped:
        _sweep(target.parent)
    with contextlib.suppress(OSError, WrongContent):
        verify(model, target)
        return target
    if model.shipped:
        verify(model, target)
    sources = _sources(model, mirror or os.environ.get(MIRROR_VARIABLE))
    target.parent.mkdir(parents=True, exist_ok=True)
    refused: WrongContent | None = None
    failures = []
    for source in sources:
        with _partial(target) as partial:
            try:
                _copy(source, partial, model.size_bytes, progress)
                verify(model, partial)
            except WrongContent as wrong:
                refused = WrongContent(
                    f"model {model.name}: {source} gave another file and was refused: {wrong}"
                )
            except (OSError, ValueError, http.client.HTTPException) as wrong:
                failures.append(f"{source}: {wrong}")
            else:
                partial.replace(target)
                return target
    if refused is not None:
        raise refused
    raise FetchFailed(
        f"model {model.name}: not fetched; {'; '.join(failures)}. Without a network, set {MIRROR_VARIABLE} to a folder "
        f"or address that holds {model.file}"
    )


def _sources(model: Model, mirror: str | None) -> tuple[str, ...]:
    if not mirror:
        return model.addresses
    return (f"{mirror.rstrip('/')}/{model.file}",)


@contextlib.contextmanager
def _partial(target: Path) -> Iterator[Path]:
    """A temporary file beside the target, locked while it is in use, gone afterwards unless it was moved away."""
    handle, partial = _locked(target)
    try:
        yield partial
    finally:
        partial.unlink(missing_ok=True)
        os.close(handle)


def _locked(target: Path) -> tuple[int, Path]:
    """A new temporary file and the open handle that holds its lock; the lock ends with the process, however it ends."""
    while True:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=PARTIAL, dir=target.parent)
        fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:
            return handle, Path(name)
        os.close(handle)  # another fetch swept it away before it was locked


def _sweep(folder: Path) -> None:
    """Deletes temporary files that no living fetch holds."""
    for left in folder.glob(f".*{PARTIAL}"):
        with contextlib.suppress(OSError), left.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left.unlink()


def _copy(source: str, partial: Path, most_bytes: int, progress: Progress) -> None:
    """Copy at most one byte more than expected: enough to see that it is too long."""
    with _opened(source) as incoming, partial.open("wb") as out:
        left = most_bytes + 1
        while left and (chunk := incoming.read(min(CHUNK_BYTES, left))):
            out.write(chunk)
            left -= len(chunk)
            progress(len(chunk))
    partial.chmod(0o644)


def _opened(source: str) -> IO[bytes]:
    if "://" not in source:
        return Path(source).expanduser().open("rb")
    if not source.startswith(("https://", "http://")):
        raise ValueError("only http and https addresses can be read")
    request = urllib.request.Request(source, headers={"User-Agent": "esplanade-models"})
    answer: IO[bytes] = urllib.request.urlopen(request, timeout=TIMEOUT_S)
    return answer
