"""The validator: it refuses what is broken, says where and why, and is never milder than the OASIS schema."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from io import BytesIO
from xml.etree import ElementTree

import pytest
import xmlschema
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.cap.check import ALERT, check
from hub.cap.example import example
from hub.cap.message import NAMESPACE
from tests.conftest import require_part
from tests.kit.cap_schema import SchemaMissing, cap_schema

ElementTree.register_namespace("", NAMESPACE)
_, UPDATE, _ = EXAMPLES = example()


@lru_cache
def _schema() -> xmlschema.XMLSchema:
    try:
        return xmlschema.XMLSchema(str(cap_schema()))
    except SchemaMissing as wrong:
        require_part("the OASIS schema of CAP 1.2", None, str(wrong))
        raise


def schema_refuses(data: bytes) -> bool:
    try:
        return any(True for _ in _schema().iter_errors(BytesIO(data)))
    except ElementTree.ParseError:
        return True


@pytest.mark.parametrize("document", EXAMPLES, ids=["alert", "update", "cancel"])
def test_the_example_holds_against_both(document: bytes) -> None:
    assert check(document) == ()
    assert not schema_refuses(document)


def sub(pattern: str, by: str, count: int = 1) -> Callable[[bytes], bytes]:
    def change(document: bytes) -> bytes:
        text, n = re.subn(pattern, by, document.decode(), count=count, flags=re.DOTALL)
        assert n, pattern
        return text.encode()

    return change


def _own_name(document: bytes) -> str:
    root = ElementTree.fromstring(document)
    return ",".join(root.findtext(f"{{{NAMESPACE}}}{name}", "") for name in ("sender", "identifier", "sent"))


# what is broken -> (how, where it is found, a word of what is said, whether the schema sees it too)
BROKEN: dict[str, tuple[Callable[[bytes], bytes], str, str, bool]] = {
    "no identifier": (sub("<identifier>.*?</identifier>", ""), "alert", "identifier is missing", True),
    "space in the identifier": (sub("<identifier>", "<identifier>a b"), "alert/identifier", "' '", False),
    "comma in the sender": (sub("<sender>", "<sender>a,b"), "alert/sender", "','", False),
    "ampersand in the sender": (sub("<sender>", "<sender>a&amp;b"), "alert/sender", "'&'", False),
    "Zulu time": (sub(r"(<sent>.*?)[-+]\d\d:\d\d</sent>", r"\1Z</sent>"), "alert/sent", "without Z", True),
    "fractions of a second": (sub(r"(<sent>.{19})", r"\1.250"), "alert/sent", "fractions", True),
    "UTC as +00:00": (sub(r"(<sent>.{19})......", r"\1+00:00"), "alert/sent", "-00:00", False),
    "offset of 15 h": (sub(r"(<sent>.{19})......", r"\1+15:00"), "alert/sent", "14 hours", True),
    "month 13": (sub(r"<sent>(....)-..", r"<sent>\1-13"), "alert/sent", "no such moment", True),
    "time without offset": (sub(r"(<sent>.{19})......", r"\1"), "alert/sent", "offset", True),
    "status in lower case": (sub("<status>Test", "<status>test"), "alert/status", "Actual", True),
    "status with a blank": (sub("<status>Test", "<status>Test "), "alert/status", "Actual", True),
    "unknown type": (sub("<msgType>Update", "<msgType>Amend"), "alert/msgType", "Cancel", True),
    "unknown scope": (sub("<scope>Private", "<scope>Secret"), "alert/scope", "Restricted", True),
    "Private without addresses": (sub("<addresses>.*?</addresses>", ""), "alert", "addresses is missing", False),
    "Restricted without restriction": (
        sub("<scope>Private", "<scope>Restricted"),
        "alert", "restriction is missing", False,
    ),
    "open quotes in addresses": (sub("<addresses>", '<addresses>"a '), "alert/addresses", "quotes", False),
    "Update without references": (sub("<references>.*?</references>", ""), "alert", "references is missing", False),
    "reference without sent": (
        sub(r"(<references>[^,]+,[^,]+),[^ <]+", r"\1"),
        "alert/references", "sender,identifier,sent", False,
    ),
    "reference with Z": (sub(r"(<references>.*?)[-+]\d\d:\d\d</", r"\1Z</"), "alert/references", "without Z", False),
    "references parted by commas": (
        sub("(<references>)(.*?)</", r"\1\2,\2</"),
        "alert/references", "sender,identifier,sent", False,
    ),
    "the same reference twice": (sub("(<references>)(.*?)</", r"\1\2 \2</"), "alert/references", "twice", False),
    "names itself": (
        lambda d: sub("<references>.*?</references>", f"<references>{_own_name(d)}</references>")(d),
        "alert/references", "names itself", False,
    ),
    "elements out of order": (
        sub("(<status>.*?</status>)(.*?)(<msgType>.*?</msgType>)", r"\3\2\1"),
        "alert", "comes before", True,
    ),
    "two senders": (sub("(<sender>.*?</sender>)", r"\1\1"), "alert", "stands 2 times", True),
    "an element of ours": (sub("<info>", "<mood>calm</mood><info>"), "alert", "no place", True),
    "text between elements": (sub("<info>", "hello<info>"), "alert", "text of its own", True),
    "an attribute": (sub("<sender>", '<sender kind="town">'), "alert/sender", "attribute", True),
    "no category": (sub("<category>.*?</category>", "", 9), "alert/info[1]", "category is missing", True),
    "unknown category": (sub("<category>Safety", "<category>Crowd"), "alert/info[1]/category[1]", "CBRNE", True),
    "no event": (sub("<event>.*?</event>", ""), "alert/info[1]", "event is missing", True),
    "empty event": (sub("<event>.*?</event>", "<event> </event>"), "alert/info[1]/event", "empty", False),
    "unknown severity": (sub("<severity>[A-Z][a-z]+", "<severity>High"), "alert/info[1]/severity", "Severe", True),
    "unknown urgency": (sub("<urgency>[A-Z][a-z]+", "<urgency>Now"), "alert/info[1]/urgency", "Immediate", True),
    "unknown certainty": (
        sub("<certainty>[A-Z][a-z]+", "<certainty>Very Likely"),
        "alert/info[1]/certainty", "Likely", True,
    ),
    "language with an underscore": (
        sub("<language>[^<]+", "<language>ro_RO"),
        "alert/info[1]/language", "RFC 3066", True,
    ),
    "expired when sent": (sub("<expires>....", "<expires>1999"), "alert/info[1]", "expired", False),
    "web without a host": (sub("<web>[^<]+", "<web>town/square"), "alert/info[1]/web", "absolute", False),
    "long headline": (sub("<headline>", "<headline>" + "x" * 160), "alert/info[1]", "headline", False),
    "parameter without a name": (
        sub("<parameter>\\s*<valueName>.*?</valueName>", "<parameter>"),
        "alert/info[1]/parameter[1]", "valueName is missing", True,
    ),
    "value before its name": (
        sub("(<valueName>.*?</valueName>)(\\s*)(<value>.*?</value>)", r"\3\2\1"),
        "alert/info[1]/eventCode[1]", "comes before", True,
    ),
    "area without a description": (
        sub("<areaDesc>.*?</areaDesc>", ""),
        "alert/info[1]/area[1]", "areaDesc is missing", True,
    ),
    "polygon of three points": (
        sub(r"<polygon>(\S+) (\S+) .*?</", r"<polygon>\1 \2 \1</"),
        "alert/info[1]/area[1]/polygon[1]", "at least 4", False,
    ),
    "open polygon": (sub(r"(<polygon>.*) \S+</polygon>", r"\1 1,1</polygon>"), "/polygon[1]", "not closed", False),
    "polygon as lon,lat": (
        sub(r"<polygon>.*?</", "<polygon>121.1,14.4 121.2,14.4 121.2,14.5 121.1,14.4</"),
        "/polygon[1]", "latitude comes first", False,
    ),
    "polygon with blanks in its pairs": (
        sub(r"<polygon>(\S+),", r"<polygon>\1, "),
        "/polygon[1]", "latitude,longitude", False,
    ),
    "circle without a radius": (
        sub("<polygon>.*?</polygon>", "<circle>44.4,26.1</circle>"),
        "/circle[1]", "radius", False,
    ),
    "circle with a comma": (
        sub("<polygon>.*?</polygon>", "<circle>44.4,26.1,2</circle>"),
        "/circle[1]", "latitude,longitude", False,
    ),
    "ceiling alone": (sub("</area>", "<ceiling>30</ceiling></area>"), "alert/info[1]/area[1]", "altitude", False),
    "altitude in words": (sub("</area>", "<altitude>low</altitude></area>"), "/altitude", "decimal", True),
    "no info": (sub("<info>.*</info>", ""), "alert", "without info", False),
    "CAP 1.1": (sub("cap:1.2", "cap:1.1"), "document", "cap:1.2", True),
    "not closed": (lambda d: d[:-20], "document", "line", True),
    "a document type": (
        sub("<alert", '<!DOCTYPE alert [<!ENTITY a "b">]><alert'), "document",
        "document type", False,
    ),
    "a control character": (sub("<event>", "<event>\x07"), "document", "well-formed", True),
    "a named character": (sub("<event>", "<event>&nbsp;"), "document", "undefined entity", True),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_refused_and_said(name: str) -> None:
    change, where, word, by_schema = BROKEN[name]
    document = change(UPDATE)
    found = [one for one in check(document) if where in one.where and word in one.text]
    assert found, [str(one) for one in check(document)]
    assert schema_refuses(document) == by_schema


def test_a_signature_has_its_place_at_the_end() -> None:
    signature = '<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"/>'
    assert check(sub("</alert>", signature + "</alert>")(UPDATE)) == ()
    (found,) = check(sub("<info>", signature + "<info>")(UPDATE))
    assert "info stands after" in found.text


def test_what_the_standard_allows_passes() -> None:
    """Elements that we never write, in their places."""
    for change in (
        sub("<language>[^<]+", "<language>"),
        sub("<event>", "<event>a &#8364; "),
        sub("</area>", "<altitude>1.5</altitude><ceiling>30</ceiling></area>"),
        sub("<area>", "<resource><resourceDesc>plan</resourceDesc><mimeType>image/png</mimeType><size>12</size>"
            "<uri>https://town.example/a.png</uri><digest>" + "0a" * 20 + "</digest></resource><area>"),
        sub("<certainty>(.*?)</certainty>", r"<certainty>\1</certainty><audience>all</audience>"),
    ):  # fmt: skip
        document = change(UPDATE)
        assert check(document) == ()
        assert not schema_refuses(document)


_NAMES = sorted({field.name for field in (*ALERT, *ALERT[-1].parts)})
_WORDS = st.sampled_from(
    ["", " ", "x", "Test", "Update", "Private", "1,2", "44,26 44,27 45,27 44,26", "-1", "en", "a:b"]
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.data())
def test_no_random_damage_passes_that_the_schema_refuses(data: st.DataObject) -> None:
    root = ElementTree.fromstring(data.draw(st.sampled_from(EXAMPLES)))
    for _ in range(data.draw(st.integers(1, 3))):
        every = [(parent, child) for parent in root.iter() for child in parent]
        parent, child = data.draw(st.sampled_from(every))
        match data.draw(st.sampled_from(["drop", "twice", "move", "text", "rename", "attribute", "strange"])):
            case "drop":
                parent.remove(child)
            case "twice":
                parent.insert(data.draw(st.integers(0, len(parent))), child)
            case "move":
                parent.remove(child)
                parent.insert(data.draw(st.integers(0, len(parent))), child)
            case "text":
                child.text = data.draw(_WORDS)
            case "rename":
                child.tag = f"{{{NAMESPACE}}}{data.draw(st.sampled_from(_NAMES))}"
            case "attribute":
                child.set(
                    data.draw(st.sampled_from(["id", "{http://www.w3.org/2001/XMLSchema-instance}nil"])),
                    "true",
                )
            case "strange":
                child.tag = data.draw(st.sampled_from(["event", "{urn:other}event"]))
        if not list(root):
            return
    document = ElementTree.tostring(root)
    if schema_refuses(document):
        assert check(document)
