"""The site and assessment files: what they mean, and what is said of a wrong one."""

from __future__ import annotations

import copy

import pytest
import yaml

from contract.refusal import RefusalReason, Refused
from contract.yaml_file import FileError
from hub.assessment import Threat, band_of, read_assessment
from hub.ground import survey
from hub.rules import RULES, Family, effective, family_of, listing
from hub.site import read_site
from tests.plaza import DATA, START_MS, assessment, reading, site

SITE = yaml.safe_load((DATA / "plaza_site.yaml").read_text())
ASSESSMENT = yaml.safe_load((DATA / "plaza_assessment.yaml").read_text())


def changed(document, *path, to):
    new = copy.deepcopy(document)
    at = new
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = to
    return new


def write(tmp_path, document, name="file.yaml"):
    path = tmp_path / name
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return path


def test_the_plaza_reads():
    plaza = site()
    assert plaza.zone_ids == ("square", "lane")
    assert plaza.zone_at(10, 10).id == "square"
    assert plaza.zone_at(10, -5) is None
    assert plaza.bounds_m == (-15, -35, 75, 55)
    with pytest.raises(KeyError):
        plaza.zone("nowhere")


def test_safe_occupancy_defaults_to_two_on_each_walkable_square_metre():
    ground = survey(site())
    assert ground.zones[0].total_m2 == pytest.approx(60 * 40 - 16)
    assert ground.safe_occupancy[0] == pytest.approx(2 * (60 * 40 - 16))
    assert ground.safe_occupancy[1] == 400


def test_a_cell_on_a_border_is_shared_by_area(tmp_path):
    document = changed(SITE, "zones", 0, "polygon", to=[[1, 0], [60, 0], [60, 40], [1, 40]])
    ground = survey(read_site(write(tmp_path, document)))
    assert ground.zones[0].share[ground.flat_cell(0.5, 0.5)] == pytest.approx(0.5)


def test_a_person_placed_on_an_obstacle_still_counts():
    ground = survey(site())
    inside = ground.flat_cell(29, 19)
    assert ground.zones[0].walkable_m2[inside] == 0.0
    assert ground.zones[0].share[inside] == 1.0


@pytest.mark.parametrize(
    ("path", "to", "message"),
    [
        (("zones", 0, "polygon"), [[0, 0], [9, 9], [9, 0], [0, 9]], "crosses itself"),
        (("zones", 0, "polygon"), [[0, 0], [1, 1], [2, 2]], "encloses no ground"),
        (("zones", 0, "poligon"), 3, "not a key known here"),
        (("zones", 0, "crowd"), "floating", "crowd"),
        (("zones", 0, "permits", 0, "to"), "05:00", "is empty"),
        (("zones", 0, "permits", 0, "to"), "25:00", "permits"),
        (("zones", 0, "permits", 0, "days"), ["someday"], "days"),
        (("zones", 1, "id"), "square", "also the id"),
        (("areas", 0, "id"), "square", "also the id"),
        (("zones", 1, "boundary", 0, "line"), "nowhere", "no camera has a line"),
        (("time_zone",), "Europe/Nowhere", "IANA"),
        (("zones",), [], "zones"),
    ],
)
def test_wrong_site_files_name_file_line_and_key(tmp_path, path, to, message):
    file = write(tmp_path, changed(SITE, *path, to=to))
    with pytest.raises(FileError, match=message) as caught:
        read_site(file)
    assert caught.value.line is not None
    assert str(file) in str(caught.value)


def test_strangers_are_refused():
    plaza = site()
    ours = reading("west", START_MS)
    plaza.refuse_stranger(ours)

    def reason(**over):
        import dataclasses

        import msgspec

        other = dataclasses.replace(ours, reading=msgspec.structs.replace(ours.reading, **over))
        with pytest.raises(Refused) as caught:
            plaza.refuse_stranger(other)
        return caught.value.reason

    assert reason(site="elsewhere") is RefusalReason.UNKNOWN_SITE
    assert reason(camera="north") is RefusalReason.UNKNOWN_CAMERA
    assert reason(agent="box-9") is RefusalReason.UNKNOWN_CAMERA
    from contract.messages import Crossing

    crossing = Crossing(line="lane-mouth", kind="person", forward=1, backward=0)
    assert reason(crossings=(crossing,)) is RefusalReason.UNKNOWN_LINE


# --- assessment ---


def test_static_risk_of_the_plaza():
    found = {(r.zone, r.threat): r for r in assessment().risks}
    square = found["square", Threat.VEHICLE]
    assert (square.t, square.v0, square.credits, square.v, square.c) == (3, 4, 2, 2, 4)
    assert square.r == pytest.approx(9.798, abs=1e-3)
    assert square.band == "moderate"
    assert found["lane", Threat.VEHICLE].band == "high"


@pytest.mark.parametrize(
    ("risk", "band"),
    [
        (1, "low"),
        (4.99, "low"),
        (5, "moderate"),
        (9.99, "moderate"),
        (10, "high"),
        (14.99, "high"),
        (15, "very_high"),
        (25, "very_high"),
    ],
)
def test_bands(risk, band):
    assert band_of(risk) == band


def test_votes_give_the_median(tmp_path):
    document = changed(ASSESSMENT, "scores", 0, "t", to={"a": 2, "b": 3, "c": 3})
    found = read_assessment(write(tmp_path, document), site())
    assert found.risks[0].t == 3
    assert found.risks[0].spread == 1


def test_too_many_credits_warn(tmp_path):
    document = changed(ASSESSMENT, "measures", 0, "credit", "vehicle", to=4)
    found = read_assessment(write(tmp_path, document), site())
    assert found.risks[0].v == 1.0
    assert any("exceed V0 - 1" in str(w) for w in found.warnings)


def test_missing_reference_warns():
    assert any("lane has no reference_people" in str(w) for w in assessment().warnings)


@pytest.mark.parametrize("people", [0, -3])
def test_a_reference_that_is_not_positive_is_none(tmp_path, people):
    document = changed(ASSESSMENT, "reference_people", 0, "people", to=people)
    found = read_assessment(write(tmp_path, document), site())
    assert found.reference_people("square") is None
    assert any("square has no reference_people" in str(w) for w in found.warnings)


@pytest.mark.parametrize(
    ("path", "to", "message"),
    [
        (("site",), "elsewhere", "this is site plaza"),
        (("scores", 0, "zone"), "nowhere", "no zone nowhere"),
        (("measures", 0, "zones"), ["nowhere"], "no zone nowhere"),
        (("scores", 0, "t"), 6, "t"),
        (("scores", 0, "t"), {"a": 1, "b": 4}, "discuss"),
        (("scores", 0, "threat"), "meteor", "threat"),
        (("scores", 1), {**ASSESSMENT["scores"][0]}, "scored twice"),
        (("measures", 1, "stays_true_h"), None, "how many hours"),
        (
            ("measures", 0, "reported"),
            {"share": 1, "at": "2026-06-20T17:00:00.000Z", "by": "x"},
            "only with known",
        ),
        (("measures", 1, "id"), "bollards", "stands twice"),
        (("measures", 1, "reported", "at"), "2026-13-20T17:00:00.000Z", "month"),
    ],
)
def test_wrong_assessments_name_file_line_and_key(tmp_path, path, to, message):
    file = write(tmp_path, changed(ASSESSMENT, *path, to=to))
    with pytest.raises(FileError, match=message) as caught:
        read_assessment(file, site())
    assert caught.value.line is not None


def test_a_discussed_spread_may_be_approved(tmp_path):
    document = changed(ASSESSMENT, "scores", 0, "t", to={"a": 1, "b": 4})
    document["scores"][0]["discussed"] = True
    assert read_assessment(write(tmp_path, document), site()).risks[0].spread == 3


# --- what the static score does to rules ---


def rule(rule_id):
    return next(r for r in RULES if r.id == rule_id)


def test_high_static_risk_halves_the_delay_and_raises_the_severity():
    found = effective(rule("vehicle.unauthorised"), "lane", assessment())
    assert (found.on_after_ms, found.samples_min, found.severity) == (1500, 2, "high")
    assert [r.reason for r in found.reasons] == [
        "static.scores",
        "static.delay_halved",
        "static.severity_raised",
    ]
    assert "T 4, V 5, C 3" in found.reasons[0].text
    assert found.reasons[0].sources == ("plaza-2026 v3",)


def test_moderate_static_risk_moves_nothing():
    found = effective(rule("vehicle.unauthorised"), "square", assessment())
    assert (found.on_after_ms, found.samples_min, found.severity, found.reasons) == (3000, 1, "medium", ())


def test_crowd_rules_get_the_shorter_delay_only():
    found = effective(rule("density.warning"), "lane", assessment())
    assert (found.on_after_ms, found.severity) == (15_000, "medium")
    assert "static.severity_raised" not in [r.reason for r in found.reasons]


def test_high_stays_high():
    assert effective(rule("vehicle.in_crowd"), "lane", assessment()).severity == "high"


def test_rules_without_threats_are_left_alone():
    for name in ("area.entered", "zone.risk", "sensor.silent"):
        assert effective(rule(name), "lane", assessment()).reasons == ()


def test_a_draft_moves_nothing(tmp_path):
    draft = read_assessment(write(tmp_path, changed(ASSESSMENT, "status", to="draft")), site())
    assert effective(rule("vehicle.unauthorised"), "lane", draft).severity == "medium"
    assert any("draft" in str(w) for w in draft.warnings)


def test_listing_names_each_rule_once():
    names = [one.id for one in listing()]
    assert len(names) == len(set(names)) == 12
    assert family_of("density.critical") is Family.DENSITY
    assert family_of("vehicle.access") is Family.VEHICLE_ACCESS
    assert family_of("nonsense") is None


def test_every_rule_has_advice():
    from hub.advice import ADVICE

    assert set(ADVICE) == {one.id for one in listing()}


def test_advice_of_the_assessment():
    assert assessment().advice("square", (Threat.VEHICLE,)) == ("Check that the north bollards are up.",)
    assert tuple(map(str, assessment().advice("lane", (Threat.VEHICLE,)))) == (
        "Recommended, not done yet: Barrier at the lane mouth (roads department)",
    )
    assert assessment().advice("lane", (Threat.FIREARMS,)) == ()
