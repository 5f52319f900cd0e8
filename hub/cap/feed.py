"""What has left, as an Atom feed (RFC 4287, paged by RFC 5005): one entry for each message, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from urllib.parse import quote
from uuid import NAMESPACE_URL, UUID, uuid5
from xml.etree import ElementTree

from contract.instants import from_ms
from hub.cap.book import Entry
from hub.cap.write import clean

NAMESPACE = "http://www.w3.org/2005/Atom"
CONTENT_TYPE = "application/atom+xml; charset=utf-8"
DOCUMENT_TYPE = "application/cap+xml"
PAGE_ENTRIES = 50
_NEVER_MS = 0  # of an empty feed


def urn(name: str) -> str:
    """An id that stays the same for the same name, anywhere."""
    return f"urn:uuid:{uuid5(UUID(str(NAMESPACE_URL)), name)}"


def feed(
    entries: Sequence[Entry], *, site: str, title: str, sender: str, base: str, page: str, older: str | None
) -> bytes:
    """One page. `base`: where the hub's CAP routes are, ending in a slash; `page`, `older`: names below it."""
    root = ElementTree.Element("feed", xmlns=NAMESPACE)
    _add(root, "id", urn(f"esplanade cap feed {sender} {site}"))
    _add(root, "title", title)
    _add(root, "updated", from_ms(entries[0].sent_ms if entries else _NEVER_MS))
    _add(ElementTree.SubElement(root, "author"), "name", sender)
    _link(root, "self", base + page, CONTENT_TYPE.partition(";")[0])
    _link(root, "first", f"{base}feed", CONTENT_TYPE.partition(";")[0])
    if older is not None:
        _link(root, "next", base + older, CONTENT_TYPE.partition(";")[0])
    for one in entries:
        _entry(ElementTree.SubElement(root, "entry"), one, base)
    ElementTree.indent(root, " ")
    document: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _entry(at: ElementTree.Element, one: Entry, base: str) -> None:
    _add(at, "id", urn(f"cap {one.identifier}"))
    _add(at, "title", f"{one.status} {one.msg_type}: {one.headline}")
    _add(at, "updated", from_ms(one.sent_ms))
    _add(at, "published", from_ms(one.sent_ms))
    _link(at, "alternate", base + document_name(one.identifier), DOCUMENT_TYPE)
    for scheme, term in (("status", one.status), ("msgType", one.msg_type), ("scope", one.scope)):
        ElementTree.SubElement(
            at, "category", scheme=f"urn:oasis:names:tc:emergency:cap:1.2:{scheme}", term=term
        )
    _add(at, "summary", f"{one.headline} ({one.identifier}, expires {from_ms(one.expires_ms)})")


def document_name(identifier: str) -> str:
    return f"messages/{quote(identifier, safe='')}"


def tag(data: bytes) -> str:
    """A strong ETag."""
    return f'"{sha256(data).hexdigest()[:32]}"'


def matches(if_none_match: str | None, etag: str) -> bool:
    """RFC 9110, 13.1.2: any of the listed tags, compared weakly, or the star."""
    if if_none_match is None:
        return False
    listed = [one.strip().removeprefix("W/") for one in if_none_match.split(",")]
    return etag in listed or "*" in listed


def _link(at: ElementTree.Element, relation: str, address: str, kind: str) -> None:
    ElementTree.SubElement(at, "link", rel=relation, type=kind, href=address)


def _add(at: ElementTree.Element, name: str, text: str) -> None:
    ElementTree.SubElement(at, name).text = clean(text) or "-"
