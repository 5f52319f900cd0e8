"""The AsyncAPI 3 document and the JSON Schemas, generated from the messages and the table of topics.

`python -m contract.asyncapi docs/contract` writes them; a test holds the written files against the code.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import msgspec

from contract import limits
from contract.topics import PREFIX, TOPICS, Topic

_REF = "#/components/schemas/{name}"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def _names(topic: Topic) -> list[str]:
    return [part[1:-1] for part in topic.pattern.split("/") if part.startswith("{")]


def _schemas() -> dict[str, Any]:
    _, schemas = msgspec.json.schema_components([topic.message for topic in TOPICS], ref_template=_REF)
    return {str(name): schema for name, schema in sorted(schemas.items())}


def document() -> dict[str, Any]:
    """The AsyncAPI 3.0 document of everything said over MQTT, seen from the hub."""
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    messages: dict[str, Any] = {}
    for topic in TOPICS:
        name = topic.message.__name__
        key = topic.said.value
        channels[key] = {
            "address": f"{PREFIX}/{topic.pattern}",
            "messages": {name: {"$ref": f"#/components/messages/{name}"}},
            "parameters": {n: {"description": "identifier, [a-z0-9-]{1,40}"} for n in _names(topic)},
            "description": f"Sent {topic.when}.",
        }
        operations[f"{'receive' if topic.sender == 'edge' else 'send'}-{key}"] = {
            "action": "receive" if topic.sender == "edge" else "send",
            "channel": {"$ref": f"#/channels/{key}"},
            "bindings": {"mqtt": {"qos": topic.qos, "retain": topic.retain, "bindingVersion": "0.2.0"}},
        }
        messages[name] = {
            "name": name,
            "contentType": "application/json",
            "payload": {"$ref": _REF.format(name=name)},
        }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Esplanade on the wire",
            "version": str(limits.SCHEMA),
            "description": (
                "MQTT 3.1.1, JSON in UTF-8. Agents publish facts on the ground plane in site metres; "
                f"the hub judges. A message over {limits.MESSAGE_MAX_BYTES} bytes is refused whole."
            ),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": _schemas()},
    }


def files() -> dict[str, str]:
    """File name to text: the AsyncAPI document and one stand-alone JSON Schema per message."""
    found = {"asyncapi.json": _text(document())}
    for topic in TOPICS:
        schema = {"$schema": _DIALECT, **msgspec.json.schema(topic.message)}
        found[f"{topic.message.__name__}.schema.json"] = _text(schema)
    return found


def _text(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def main() -> int:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/contract")
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files().items():
        (folder / name).write_text(text, encoding="utf-8")
        print(folder / name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
