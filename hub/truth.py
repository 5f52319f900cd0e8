"""What really stood in each zone of rendered footage, for demos and exercises: to be laid over what was measured.

The file comes from `python -m models.scenes curve`. No rule, no level and no alert ever sees it.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from contract.true_people import SCHEMA, TruePeople
from contract.yaml_file import FileError
from hub.site import Site


def read_truth(path: Path, site: Site) -> TruePeople:
    """Raises FileError when it cannot be read or is not of this site."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=TruePeople)
    except OSError as error:
        raise FileError(path, None, "", f"cannot be read: {error.strerror}") from None
    except msgspec.DecodeError as error:
        raise FileError(path, None, "", f"{error}; make it with `python -m models.scenes curve`") from None
    for wrong, key, problem in (
        (found.schema != SCHEMA, "schema", f"{found.schema} is not {SCHEMA}"),
        (found.site != site.site, "site", f"{found.site!r} is not this hub's site {site.site!r}"),
        (
            found.camera not in {camera.id for camera in site.cameras},
            "camera",
            f"there is no {found.camera!r}",
        ),
        (
            not set(found.people) <= set(site.zone_ids),
            "people",
            f"zones {', '.join(sorted(found.people))} are not all of the site's {', '.join(site.zone_ids)}",
        ),
        (
            any(len(row) != len(found.t_s) for row in found.people.values()),
            "people",
            "a zone has not one number for each of t_s",
        ),
        (
            not found.t_s or any(b <= a for a, b in zip(found.t_s, found.t_s[1:], strict=False)),
            "t_s",
            "is empty, or does not rise",
        ),
        (not found.t_s or found.loop_s <= found.t_s[-1], "loop_s", "ends before the last of t_s"),
    ):
        if wrong:
            raise FileError(path, None, key, problem)
    return found
