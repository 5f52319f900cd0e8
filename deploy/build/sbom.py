"""The software bill of materials: CycloneDX 1.6 JSON of what Esplanade runs on and ships.

Deterministic: the serial number comes from the content, and no time of day is written.
"""

from __future__ import annotations

import json
import tomllib
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from deploy.build.components import ROOT, Component

_TYPES = {"pypi": "library", "npm": "library", "model": "machine-learning-model"}


def _licences(expression: str) -> list[dict[str, Any]]:
    return [{"expression": expression}] if expression else []


def _entry(
    component: Component, restated: Mapping[str, Mapping[str, str]], read: Mapping[str, str]
) -> dict[str, Any]:
    expression = restated.get(component.kind, {}).get(component.name, component.licence)
    entry: dict[str, Any] = {
        "type": _TYPES[component.kind],
        "bom-ref": component.purl,
        "name": component.name,
        "version": component.version,
        "purl": component.purl,
        "licenses": _licences(expression),
        "properties": [{"name": "esplanade:used-by", "value": name} for name in component.used_by],
    }
    if component.sha256:
        entry["hashes"] = [{"alg": "SHA-256", "content": component.sha256}]
    if component.libraries:
        entry["components"] = [
            {
                "type": "library",
                "bom-ref": f"{component.purl}#{library}",
                "name": library,
                "licenses": _licences(read.get(library, "")),
            }
            for library in component.libraries
        ]
    return entry


def document(
    found: Iterable[Component],
    restated: Mapping[str, Mapping[str, str]],
    bundled: Mapping[str, Mapping[str, str]],
) -> str:
    """The bill as JSON text. `restated` and `bundled` are licences.toml's tables of the same names."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    name, version = project["name"], project["version"]
    own = f"pkg:pypi/{name}@{version}"
    entries = [_entry(component, restated, bundled.get(component.name, {})) for component in found]
    body = {
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": own,
                "name": name,
                "version": version,
                "purl": own,
                "licenses": _licences(project["license"]),
            }
        },
        "components": entries,
        "dependencies": [{"ref": own, "dependsOn": [entry["bom-ref"] for entry in entries]}],
    }
    serial = uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(body, sort_keys=True))
    head = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
    }
    return json.dumps(head | body, indent=1, ensure_ascii=False) + "\n"
