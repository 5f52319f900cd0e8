"""Random lives of alerts: every message holds against our rules and the OASIS schema, and the chain never breaks."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from hub.cap.check import check
from hub.cap.message import NAMESPACE
from hub.cap.write import written
from tests import plaza
from tests.conftest import require_part
from tests.kit.cap_lives import PRIVATE, RandomLife, lives
from tests.kit.cap_schema import SchemaMissing, cap_schema

ASSESSMENT = plaza.assessment()


@pytest.fixture(scope="module")
def schema() -> Callable[[bytes], list[str]]:
    """What the OASIS schema has against a document."""
    try:
        path = cap_schema()
    except SchemaMissing as wrong:
        require_part("the OASIS schema of CAP 1.2", None, str(wrong))
        raise
    import xmlschema

    judge = xmlschema.XMLSchema(str(path))
    return lambda data: [str(one.reason) for one in judge.iter_errors(BytesIO(data))]


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],  # making a failing life smaller takes minutes
)
@given(life=lives(ASSESSMENT))
def test_a_random_life_never_makes_a_message_that_does_not_validate(
    life: RandomLife, schema: Callable[[bytes], list[str]]
) -> None:
    documents = [written(made.message) for made in life.made]
    for document in documents:
        assert check(document) == ()
        assert schema(document) == []
        assert PRIVATE.encode() not in document

    heads = [[_text(document, name) for name in ("sender", "identifier", "sent")] for document in documents]
    assert len({tuple(head[:2]) for head in heads}) == len(heads)
    for number, document in enumerate(documents):
        # complete (all earlier ones, in order) and so acyclic: nothing names itself or what comes later
        assert _text(document, "references").split() == [",".join(head) for head in heads[:number]]
        assert _text(document, "msgType") == (
            "Alert" if number == 0 else "Cancel" if life.made[number].life.ended else "Update"
        )
        assert _text(document, "status") == _text(documents[0], "status")
        assert _text(document, "incidents") == _text(documents[0], "incidents")
    assert all(not made.life.ended for made in life.made[:-1])
    sent = [made.sent_ms for made in life.made]
    assert sent == sorted(set(sent))


def _text(document: bytes, name: str) -> str:
    found = ElementTree.fromstring(document).findtext(f"{{{NAMESPACE}}}{name}")
    return found or ""
