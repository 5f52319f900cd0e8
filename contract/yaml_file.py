"""Our YAML files: read once, into a typed value, with errors that name the file, the line and the key."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

T = TypeVar("T")

_Key = tuple[str | int, ...]


class FileError(ValueError):
    """A file that cannot be used. The message reads `file:line: key: problem; what to do`."""

    def __init__(self, path: Path | str, line: int | None, key: str, problem: str) -> None:
        where = f"{path}:{line}" if line else str(path)
        super().__init__(f"{where}: {key}: {problem}" if key else f"{where}: {problem}")
        self.path = Path(path)
        self.line = line
        self.key = key
        self.problem = problem


class YamlFile:
    """A parsed file that remembers the line of every key, for errors found later."""

    def __init__(self, path: Path | str, data: bytes | None = None) -> None:
        """Reads and parses the file. Raises FileError when it is missing, not UTF-8, not YAML, or doubles a key.

        `data`: its content where it is no file; `path` is then only how errors call it.
        """
        self.path = Path(path)
        self._lines: dict[_Key, int] = {}
        try:
            text = (self.path.read_bytes() if data is None else data).decode("utf-8")
        except OSError as error:
            raise FileError(path, None, "", f"cannot be read: {error.strerror}") from None
        except UnicodeDecodeError as error:
            raise FileError(path, None, "", f"is not UTF-8 at byte {error.start}; save it as UTF-8") from None
        try:
            node = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else None
            raise FileError(path, line, "", f"is not YAML: {error.problem}") from None
        except yaml.YAMLError as error:
            raise FileError(path, None, "", f"is not YAML: {error}") from None
        if node is None:
            raise FileError(path, None, "", "is empty")
        self._constructor = yaml.SafeLoader("")
        self.value = self._plain(node, ())

    def _plain(self, node: yaml.Node, at: _Key) -> Any:
        self._lines[at] = node.start_mark.line + 1
        if isinstance(node, yaml.SequenceNode):
            return [self._plain(child, (*at, i)) for i, child in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            found: dict[str, Any] = {}
            for key_node, child in node.value:
                key = str(key_node.value)
                if key in found:
                    line = key_node.start_mark.line + 1
                    raise FileError(self.path, line, _dotted((*at, key)), "stands twice; remove one")
                found[key] = self._plain(child, (*at, key))
                self._lines[(*at, key)] = key_node.start_mark.line + 1
            return found
        # Times stay text here, so that each field decides for itself what a time is.
        if node.tag == "tag:yaml.org,2002:timestamp":
            return node.value
        return self._constructor.construct_object(node)

    def line(self, *key: str | int) -> int | None:
        """The line of a key, or of the nearest key above it that the file has."""
        at: _Key = key
        while at and at not in self._lines:
            at = at[:-1]
        return self._lines.get(at)

    def error(self, problem: str, *key: str | int) -> FileError:
        """A FileError at the key's line, ready to raise."""
        return FileError(self.path, self.line(*key), _dotted(key), problem)

    def to(self, kind: type[T]) -> T:
        """The whole file as `kind`. Raises FileError at the first key that does not fit."""
        try:
            return msgspec.convert(self.value, kind)
        except msgspec.ValidationError as error:
            problem, _, path = str(error).partition(" - at `")
            key = _key_of(path.rstrip("`"))
            if problem.startswith("Object contains unknown field `"):
                name = problem.split("`")[1]
                raise self.error("is not a key known here; check its spelling", *key, name) from None
            if problem.startswith("Object missing required field `"):
                raise self.error("is missing", *key, problem.split("`")[1]) from None
            raise self.error(problem[0].lower() + problem[1:], *key) from None


def _key_of(path: str) -> _Key:
    """`$.cameras[0].id` as ("cameras", 0, "id")."""
    key: list[str | int] = []
    for part in path.removeprefix("$").replace("[", ".[").split("."):
        if part.startswith("[") and part[1:-1].isdigit():
            key.append(int(part[1:-1]))
        elif part and not part.startswith("["):
            key.append(part)
    return tuple(key)


def _dotted(key: _Key) -> str:
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
