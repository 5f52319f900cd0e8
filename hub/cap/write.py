"""A message as XML (UTF-8), elements in the order of the standard's schema."""

from __future__ import annotations

import re
from collections.abc import Iterable
from xml.etree import ElementTree

from hub.cap.message import NAMESPACE, Area, Circle, Info, LatLon, Message, Pair

_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_DEGREES = 6  # decimals: a tenth of a metre


def clean(text: str) -> str:
    """Text that XML 1.0 can hold: without control characters and halves of surrogate pairs, and without rims."""
    return _ILLEGAL.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def written(message: Message) -> bytes:
    """The XML document. It is as right as the message: `hub.cap.check` judges it."""
    root = ElementTree.Element("alert", xmlns=NAMESPACE)
    for name, value in (
        ("identifier", message.identifier),
        ("sender", message.sender),
        ("sent", message.sent),
        ("status", message.status),
        ("msgType", message.msg_type),
        ("source", message.source),
        ("scope", message.scope),
        ("restriction", message.restriction),
        ("addresses", _listed(message.addresses)),
    ):
        _add(root, name, value)
    for code in message.codes:
        _add(root, "code", code)
    _add(root, "note", message.note)
    _add(root, "references", " ".join(str(one) for one in message.references))
    _add(root, "incidents", _listed(message.incidents))
    for info in message.infos:
        _info(ElementTree.SubElement(root, "info"), info)
    ElementTree.indent(root, " ")
    document: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _info(at: ElementTree.Element, info: Info) -> None:
    _add(at, "language", info.language)
    for category in info.categories:
        _add(at, "category", category)
    _add(at, "event", info.event)
    for response in info.response_types:
        _add(at, "responseType", response)
    _add(at, "urgency", info.urgency)
    _add(at, "severity", info.severity)
    _add(at, "certainty", info.certainty)
    _pairs(at, "eventCode", info.event_codes)
    for name, value in (
        ("effective", info.effective),
        ("onset", info.onset),
        ("expires", info.expires),
        ("senderName", info.sender_name),
        ("headline", info.headline),
        ("description", info.description),
        ("instruction", info.instruction),
        ("web", info.web),
        ("contact", info.contact),
    ):
        _add(at, name, value)
    _pairs(at, "parameter", info.parameters)
    for area in info.areas:
        _area(ElementTree.SubElement(at, "area"), area)


def _area(at: ElementTree.Element, area: Area) -> None:
    _add(at, "areaDesc", area.description)
    for polygon in area.polygons:
        _add(at, "polygon", " ".join(point(one) for one in polygon))
    for circle in area.circles:
        _add(at, "circle", _circle(circle))
    _pairs(at, "geocode", area.geocodes)


def point(at: LatLon) -> str:
    """latitude,longitude in decimal degrees."""
    return ",".join(_number(one) for one in at)


def _circle(circle: Circle) -> str:
    return f"{point(circle.centre)} {_number(circle.radius_km)}"


def _number(value: float) -> str:
    text = f"{value:.{_DEGREES}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _pairs(at: ElementTree.Element, name: str, pairs: Iterable[Pair]) -> None:
    for pair in pairs:
        one = ElementTree.SubElement(at, name)
        _add(one, "valueName", pair.name)
        _add(one, "value", pair.value, even_empty=True)


def _listed(names: Iterable[str]) -> str:
    """A list separated by spaces; what holds a space itself stands in double quotes."""
    return " ".join(f'"{one}"' if re.search(r"\s", one) else one for one in names)


def _add(at: ElementTree.Element, name: str, text: str | None, *, even_empty: bool = False) -> None:
    text = clean(text or "")
    if text or even_empty:
        ElementTree.SubElement(at, name).text = text
