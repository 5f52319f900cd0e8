"""`esplanade-hub backup FILE --config CONFIG` and `esplanade-hub restore FILE --to FOLDER`."""

from __future__ import annotations

import argparse
import getpass
import shutil
import stat
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from contract.instants import from_ms
from hub import backup
from hub.app import version
from hub.audit import RESTORED
from hub.backup import BackupError, Manifest, Source
from hub.config import Config, ConfigError, vault_name
from hub.place import Place, entry, note, place, writing

PASSPHRASE_MIN = 12


def add(commands: Any) -> None:
    """Adds the commands to the parser."""
    take = commands.add_parser("backup", help="everything a hub needs, in one file, while it runs")
    take.add_argument("file", type=Path, metavar="FILE")
    take.add_argument("--config", type=Path, required=True, metavar="CONFIG.yaml")
    take.add_argument(
        "--database", type=Path, metavar="FILE", help="another one than the configuration names"
    )
    take.add_argument(
        "--with-key",
        action="store_true",
        help="the vault's keys too: who has the file can then read the vault",
    )
    _add_passphrase(take, "encrypt it")
    take.set_defaults(records=_backup)
    again = commands.add_parser("restore", help="check a backup and put it in place")
    again.add_argument("file", type=Path, metavar="FILE")
    again.add_argument(
        "--to", type=Path, required=True, metavar="FOLDER", help="where the configuration goes"
    )
    again.add_argument("--force", action="store_true", help="replace what is there")
    _add_passphrase(again, "it is encrypted")
    again.set_defaults(records=_restore)


def _add_passphrase(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument(
        "--passphrase-file", type=Path, metavar="FILE", help=f"{what}: by this file's first line"
    )
    parser.add_argument("--passphrase", action="store_true", help=f"{what}: ask for the passphrase here")


def _passphrase(asked: argparse.Namespace, *, new: bool) -> str | None:
    if asked.passphrase_file is not None:
        try:
            if asked.passphrase_file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise BackupError(f"{asked.passphrase_file}: others can read it; chmod 600 it")
            found: str = asked.passphrase_file.read_text(encoding="utf-8").partition("\n")[0]
        except OSError as error:
            raise BackupError(f"{asked.passphrase_file}: cannot be read: {error.strerror}") from None
    elif asked.passphrase:
        found = getpass.getpass("passphrase: ")
        if new and getpass.getpass("again: ") != found:
            raise BackupError("the two are not the same")
    else:
        return None
    if new and len(found) < PASSPHRASE_MIN:
        raise BackupError(f"a passphrase has at least {PASSPHRASE_MIN} characters; several words are good")
    return found


def _backup(asked: argparse.Namespace) -> int:
    found = place(asked)
    config = found.config
    assert config is not None
    now_ms = time.time_ns() // 1_000_000
    one = entry("backup.make", asked.file.name)
    sources, left_out = _sources(found, config, asked.config, with_key=asked.with_key)
    passphrase = _passphrase(asked, new=True)
    with closing(writing(found.database)) as db:
        manifest, digest = backup.make(
            asked.file.absolute(),
            database=found.database,
            database_path=config.database,
            sources=sources,
            left_out=left_out,
            passphrase=passphrase,
            made_at=from_ms(now_ms),
            made_by=one.actor,
            version=version(),
        )
        detail = {
            "sha256": digest,
            "parts": [part.name for part in manifest.parts],
            "audit_seq": manifest.audit_seq,
            "encrypted": passphrase is not None,
            "with_key": asked.with_key,
        }
        note(db, entry("backup.make", asked.file.name, **detail))
    print(f"{asked.file}: {asked.file.stat().st_size} bytes, sha256 {digest}")
    for part in manifest.parts:
        print(f"  {part.what}: {part.path}, {part.size} bytes, sha256 {part.sha256}")
    for text in left_out:
        print(f"not in it: {text}")
    return 0


def _sources(
    found: Place, config: Config, config_file: Path, *, with_key: bool
) -> tuple[list[Source], list[str]]:
    sources = [
        Source("config", config_file, config_file.name),
        Source("site", found.folder / config.site, config.site),
    ]
    left_out = ["secrets that the configuration names by file, tokens and TLS keys: keep them apart"]
    if config.assessment is not None and vault_name(config) is None:
        sources.append(Source("assessment", found.folder / config.assessment, config.assessment))
    anchors = found.anchor_file
    if anchors is not None and anchors.is_file():
        sources.append(
            Source(backup.ANCHORS, anchors, config.audit.anchor_file or _beside(config, anchors.name))
        )
    keys = found.key_file
    if with_key and keys.is_file():
        sources.append(Source(backup.KEY, keys, config.vault.key_file or _beside(config, keys.name)))
    elif with_key:
        left_out.append(f"the vault's keys: there is no file {keys}")
    elif keys.is_file():
        left_out.append(f"the vault's keys, {keys}: without them its documents can not be read; keep a copy")
    return sources, left_out


def _beside(config: Config, name: str) -> str:
    return str(Path(config.database).with_name(name))


def _restore(asked: argparse.Namespace) -> int:
    folder = asked.to.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".restore-", dir=folder))
    try:
        manifest = backup.unpack(asked.file, work, passphrase=_passphrase(asked, new=False))
        targets, notes = _targets(manifest, folder)
        database = next(part for part in manifest.parts if part.what == backup.DATABASE)
        for part in manifest.parts:
            if part.what == backup.ANCHORS and targets[part.name].exists():
                # what is written down there knows more than the backup: it is never replaced
                notes.append(f"{targets.pop(part.name)}: was left as it is; it holds newer anchors")
        there = [str(to) for to in targets.values() if to.exists()]
        if there and not asked.force:
            raise BackupError(f"{', '.join(there)}: there already; --force replaces them")
        backup.check_database(work / database.name, manifest)
        detail = {
            "made_at": manifest.made_at,
            "made_by": manifest.made_by,
            "audit_seq": manifest.audit_seq,
            "parts": [part.name for part in manifest.parts],
        }
        backup.note_restore(work / database.name, entry(RESTORED, asked.file.name, **detail))
        moved = {work / name: to for name, to in targets.items() if name != database.name}
        backup.replace(moved, (work / database.name, targets[database.name]))
    except OSError as error:
        raise BackupError(f"{error.filename}: {error.strerror}") from None
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(
        f"restored from {manifest.made_at}, made by {manifest.made_by}; all checksums and the audit log are right"
    )
    for name, to in targets.items():
        print(f"  {name}: {to}")
    for text in (*notes, *(f"not in it: {text}" for text in manifest.left_out)):
        print(text, file=sys.stderr)
    print(
        f"what the audit log held after entry {manifest.audit_seq} is lost; `audit verify --restored "
        f"{manifest.audit_seq + 1}` says that you know of it",
        file=sys.stderr,
    )
    return 0


def _targets(manifest: Manifest, folder: Path) -> tuple[dict[str, Path], list[str]]:
    """Where each part goes: as the configuration says where that lies in the folder, else into it by its own name."""
    targets, notes = {}, []
    for part in manifest.parts:
        path = Path(part.path)
        inside = not path.is_absolute() and (folder / path).resolve().is_relative_to(folder.resolve())
        targets[part.name] = (folder / path) if inside else folder / path.name
        if not inside:
            notes.append(
                f"{part.what}: the configuration says {part.path}; it is now {path.name} beside it: change the line"
            )
    if len({*targets.values()}) < len(targets):
        raise ConfigError("two parts of the backup would go to the same file; restore to another folder")
    return targets, notes
