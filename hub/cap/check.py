"""Whether bytes are a CAP 1.2 message, by the rules of the standard; nothing leaves the hub that is not.

CAP 1.2 (OASIS, 1 July 2010), 4.2: a message conforms when it is valid by the schema and meets the further rules of
section 3. The schema's order, counts and value lists stand here as one table, written from the standard; the rules of
section 3 are the functions after it. `must` is False for what the standard allows and we do not send.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, get_args
from urllib.parse import urlsplit

from hub.cap import message
from hub.cap.message import NAMESPACE
from hub.cap.read import Node, NotXml, parsed

SIGNATURE_NAMESPACE = "http://www.w3.org/2000/09/xmldsig#"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
HEADLINE_MAX = 160  # 3.2.2 headline: a useful target, for devices that show one line
MANY = 1 << 30


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where (alert/info[2]/area[1]/polygon[1]), in which line, what, and by which rule."""

    where: str
    line: int
    text: str
    rule: str
    must: bool = True

    def __str__(self) -> str:
        by = f"CAP 1.2, {self.rule}" if self.must else "our rule"
        return f"line {self.line}, {self.where}: {self.text} ({by})"


Rule = Callable[[str], str | None]  # what is wrong with a text, or None


@dataclass(frozen=True, slots=True)
class _Field:
    """An element in its place. `of`: what a text must be; `parts`: what an element of elements holds."""

    name: str
    least: int = 1
    most: int = 1
    of: Rule | None = None
    parts: tuple[_Field, ...] = ()


# --- what a text must be -----------------------------------------------------------------------------------------


def _any(text: str) -> str | None:
    return None


def _said(text: str) -> str | None:
    return None if text.strip() else "is empty"


def _one_of(values: tuple[str, ...]) -> Rule:
    def rule(text: str) -> str | None:
        return None if text in values else f"{text[:40]!r} is none of {', '.join(values)}"

    return rule


def _name(text: str) -> str | None:
    if not text:
        return "is empty"
    if found := re.search(r"[\s,<&]", text):
        return f"holds {found[0]!r}; no spaces, commas, < or & may stand in it"
    return None


_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[-+](\d\d):(\d\d)", re.ASCII)


def _time(text: str) -> str | None:
    form = "2002-05-24T16:49:00-07:00"
    found = _TIME.fullmatch(text)
    if found is None:
        return f"{text[:40]!r} is no time of the form {form}, with an offset and without Z or fractions"
    if int(found[1]) * 60 + int(found[2]) > 14 * 60 or int(found[2]) > 59:
        return f"{text!r}: there is no such offset; it lies within 14 hours"
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return f"{text!r}: there is no such moment"
    return "UTC is written as -00:00" if text.endswith("+00:00") else None


_moment = datetime.fromisoformat


def _language(text: str) -> str | None:
    if not text or re.fullmatch(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*", text):
        return None  # 3.2.2: an empty one stands for en-US
    return f"{text[:40]!r} is no language tag (RFC 3066), such as ro-RO"


def _uri(text: str) -> str | None:
    try:
        parts = urlsplit(text)
    except ValueError:
        return f"{text[:80]!r} is no address"
    if not parts.scheme or not (parts.netloc or parts.path) or re.search(r'[\s<>"{}|\\^`]', text):
        return f"{text[:80]!r} is no full, absolute address"
    return None


def _integer(text: str) -> str | None:
    return None if re.fullmatch(r"[+-]?[0-9]+", text) else f"{text[:40]!r} is no whole number"


def _decimal(text: str) -> str | None:
    found = re.fullmatch(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)", text)
    return None if found else f"{text[:40]!r} is no decimal number"


def _mime(text: str) -> str | None:
    found = re.fullmatch(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+(\s*;.*)?", text)
    return None if found else f"{text[:40]!r} is no MIME type"


def _digest(text: str) -> str | None:
    return None if re.fullmatch(r"[0-9A-Fa-f]{40}", text) else "is no SHA-1 in 40 hexadecimal digits"


_NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
_POINT = re.compile(f"({_NUMBER}),({_NUMBER})")


def _point(text: str) -> str | None:
    found = _POINT.fullmatch(text)
    if found is None:
        return f"{text[:40]!r} is no pair latitude,longitude in decimal degrees"
    if abs(float(found[1])) > 90:
        return f"{text[:40]!r}: latitude {found[1]} lies beyond 90 degrees; latitude comes first"
    if abs(float(found[2])) > 180:
        return f"{text[:40]!r}: longitude {found[2]} lies beyond 180 degrees"
    return None


def _polygon(text: str) -> str | None:
    points = text.split()
    for one in points:
        if (wrong := _point(one)) is not None:
            return wrong
    if len(points) < 4:
        return f"has {len(points)} points; a closed polygon has at least 4"
    if points[0] != points[-1]:
        return "is not closed: the first and the last point differ"
    return None


def _circle(text: str) -> str | None:
    centre, _, radius = text.partition(" ")
    if (wrong := _point(centre)) is not None:
        return wrong
    if re.fullmatch(_NUMBER, radius) is None or float(radius) < 0:
        return f"{radius[:40]!r} is no radius in kilometres after one space"
    return None


_TRIPLE = re.compile(r"([^\s,<&]+),([^\s,<&]+),([^\s,<&]+)")


def _references(text: str) -> str | None:
    triples = text.split()
    if not triples:
        return "is empty"
    for one in triples:
        found = _TRIPLE.fullmatch(one)
        if found is None:
            return f"{one[:80]!r} is not sender,identifier,sent"
        if (wrong := _time(found[3])) is not None:
            return wrong
    if len(set(triples)) != len(triples):
        return "names a message twice"
    return None


def _group(text: str) -> str | None:
    """Names parted by spaces; one that holds a space stands in double quotes."""
    if re.fullmatch(r'\s*(?:[^\s"]+|"[^"]+")(?:\s+(?:[^\s"]+|"[^"]+"))*\s*', text):
        return None
    return "is no list of names, parted by spaces, with those that hold a space in double quotes"


# --- the elements, in order ----------------------------------------------------------------------------------------

_PAIR = (_Field("valueName", of=_said), _Field("value", of=_any))

_AREA = (
    _Field("areaDesc", of=_said),
    _Field("polygon", 0, MANY, _polygon),
    _Field("circle", 0, MANY, _circle),
    _Field("geocode", 0, MANY, parts=_PAIR),
    _Field("altitude", 0, of=_decimal),
    _Field("ceiling", 0, of=_decimal),
)

_RESOURCE = (
    _Field("resourceDesc", of=_said),
    _Field("mimeType", of=_mime),
    _Field("size", 0, of=_integer),
    _Field("uri", 0, of=_any),
    _Field("derefUri", 0, of=_any),
    _Field("digest", 0, of=_digest),
)

_INFO = (
    _Field("language", 0, of=_language),
    _Field("category", 1, MANY, _one_of(get_args(message.Category))),
    _Field("event", of=_said),
    _Field("responseType", 0, MANY, _one_of(get_args(message.ResponseType))),
    _Field("urgency", of=_one_of(get_args(message.Urgency))),
    _Field("severity", of=_one_of(get_args(message.Severity))),
    _Field("certainty", of=_one_of(get_args(message.Certainty))),
    _Field("audience", 0, of=_any),
    _Field("eventCode", 0, MANY, parts=_PAIR),
    _Field("effective", 0, of=_time),
    _Field("onset", 0, of=_time),
    _Field("expires", 0, of=_time),
    _Field("senderName", 0, of=_any),
    _Field("headline", 0, of=_any),
    _Field("description", 0, of=_any),
    _Field("instruction", 0, of=_any),
    _Field("web", 0, of=_uri),
    _Field("contact", 0, of=_any),
    _Field("parameter", 0, MANY, parts=_PAIR),
    _Field("resource", 0, MANY, parts=_RESOURCE),
    _Field("area", 0, MANY, parts=_AREA),
)

ALERT: Final = (
    _Field("identifier", of=_name),
    _Field("sender", of=_name),
    _Field("sent", of=_time),
    _Field("status", of=_one_of(get_args(message.Status))),
    _Field("msgType", of=_one_of(get_args(message.MsgType))),
    _Field("source", 0, of=_any),
    _Field("scope", of=_one_of(get_args(message.Scope))),
    _Field("restriction", 0, of=_any),
    _Field("addresses", 0, of=_group),
    _Field("code", 0, MANY, _any),
    _Field("note", 0, of=_any),
    _Field("references", 0, of=_references),
    _Field("incidents", 0, of=_group),
    _Field("info", 0, MANY, parts=_INFO),
)

_SECTION = {"info": "3.2.2", "resource": "3.2.3", "area": "3.2.4"}


def check(data: bytes) -> tuple[Problem, ...]:
    """Everything that is wrong with a document, in the order of its lines; empty for a message that may be sent."""
    try:
        root = parsed(data)
    except NotXml as error:
        return (Problem("document", 1, str(error), "3.1 and XML 1.0"),)
    if (root.namespace, root.name) != (NAMESPACE, "alert"):
        text = f"the document is {{{root.namespace}}}{root.name}, not {{{NAMESPACE}}}alert"
        return (Problem("document", root.line, text, "3.2.1"),)
    found = [*_elements(root, "alert", "3.2.1", ALERT, signed=True), *_conditions(root)]
    return tuple(sorted(found, key=lambda one: one.line))


def _elements(
    node: Node, where: str, section: str, fields: tuple[_Field, ...], *, signed: bool = False
) -> Iterator[Problem]:
    """The schema's part: which elements, how many, in which order, and what stands in them."""
    yield from _attributes(node, where, section)
    if node.text.strip():
        yield Problem(where, node.line, f"holds text of its own: {node.text.strip()[:40]!r}", section)
    names = [one.name for one in fields]
    counts = dict.fromkeys(names, 0)
    at = 0
    ended = False  # signatures come last
    for child in node.children:
        if signed and child.namespace == SIGNATURE_NAMESPACE:
            ended = True
            continue
        if child.namespace != NAMESPACE or child.name not in counts:
            yield Problem(where, child.line, f"{child.name[:40]!r} has no place here", section)
            continue
        place = names.index(child.name)
        if place < at or ended:
            before = "the signature" if ended else names[at]
            yield Problem(where, child.line, f"{child.name} stands after {before}; it comes before", section)
        at = max(at, place)
        counts[child.name] += 1
        field = fields[place]
        path = f"{where}/{child.name}" + (f"[{counts[child.name]}]" if field.most > 1 else "")
        if field.parts:
            yield from _elements(child, path, _SECTION.get(child.name, section), field.parts)
        else:
            yield from _text(child, path, section, field)
    for field in fields:
        n = counts[field.name]
        if n < field.least:
            yield Problem(where, node.line, f"{field.name} is missing", section)
        elif n > field.most:
            yield Problem(where, node.line, f"{field.name} stands {n} times; once is the most", section)


def _text(node: Node, where: str, section: str, field: _Field) -> Iterator[Problem]:
    yield from _attributes(node, where, section)
    if node.children:
        yield Problem(where, node.line, f"holds an element {node.children[0].name[:40]!r}", section)
    wrong = field.of(node.text) if field.of is not None else None
    if wrong is not None:
        yield Problem(where, node.line, wrong, section)


def _attributes(node: Node, where: str, section: str) -> Iterator[Problem]:
    for name in node.attributes:
        namespace, _, local = name.rpartition("\n")
        if namespace != _XSI or local not in ("schemaLocation", "noNamespaceSchemaLocation"):
            yield Problem(where, node.line, f"has an attribute {local[:40]!r}; there are none", section)


# --- what spans several elements -------------------------------------------------------------------------------------


def _first(node: Node, name: str) -> str:
    return next((one.text for one in node.children if one.name == name), "")


def _all(node: Node, name: str) -> list[Node]:
    return [one for one in node.children if one.name == name]


def _conditions(alert: Node) -> Iterator[Problem]:
    kind, scope, sent = (_first(alert, name) for name in ("msgType", "scope", "sent"))
    infos = _all(alert, "info")
    if kind in ("Update", "Cancel", "Ack", "Error") and not _first(alert, "references").strip():
        text = f"references is missing: {kind} says which earlier messages it is about"
        yield Problem("alert", alert.line, text, "3.2.1 msgType")
    if scope == "Restricted" and not _first(alert, "restriction").strip():
        text = "restriction is missing: Restricted says to whom"
        yield Problem("alert", alert.line, text, "3.2.1 restriction")
    if scope == "Private" and not _first(alert, "addresses").strip():
        text = "addresses is missing: Private says to whom"
        yield Problem("alert", alert.line, text, "3.2.1 addresses")
    own = f"{_first(alert, 'sender')},{_first(alert, 'identifier')},"
    if any(one.startswith(own) for one in _first(alert, "references").split()):
        yield Problem("alert/references", alert.line, "the message names itself", "3.2.1 references")
    if kind in ("Alert", "Update") and not infos:
        yield Problem("alert", alert.line, f"a message of type {kind} without info", "3.2.2", must=False)
    for number, info in enumerate(infos, start=1):
        yield from _info_conditions(info, f"alert/info[{number}]", sent)


def _info_conditions(info: Node, where: str, sent: str) -> Iterator[Problem]:
    expires = _first(info, "expires")
    if expires and _time(expires) is None and _time(sent) is None and _moment(expires) <= _moment(sent):
        yield Problem(where, info.line, "has expired when it is sent", "3.2.2 expires", must=False)
    headline = _first(info, "headline")
    if len(headline) > HEADLINE_MAX:
        text = f"a headline of {len(headline)} characters; at most {HEADLINE_MAX}"
        yield Problem(where, info.line, text, "3.2.2 headline", must=False)
    for number, area in enumerate(_all(info, "area"), start=1):
        if _all(area, "ceiling") and not _all(area, "altitude"):
            text = "ceiling stands without altitude"
            yield Problem(f"{where}/area[{number}]", area.line, text, "3.2.4 ceiling")
    for number, resource in enumerate(_all(info, "resource"), start=1):
        uri = _first(resource, "uri")
        if uri and _uri(uri) is not None and not _first(resource, "derefUri"):
            text = f"{_uri(uri)}, and there is no derefUri that it names"
            yield Problem(f"{where}/resource[{number}]", resource.line, text, "3.2.3 uri")
