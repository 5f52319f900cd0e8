"""The site as GET /site tells it: worked out once, when the hub starts."""

from __future__ import annotations

import numpy as np

from contract.geometry import GridFrame
from contract.homography import plane, precision
from contract.phrase import english
from contract.site_file import Camera
from hub import rules
from hub.api.answers import (
    Origin,
    SiteArea,
    SiteAssessment,
    SiteAsset,
    SiteCamera,
    SiteDescription,
    SiteLine,
    SiteObstacle,
    SiteRule,
    SiteZone,
    StaticScore,
)
from hub.assessment import Assessment
from hub.site import Site

COVERED_PIXELS = 3.0  # contract: covered where a 3-pixel error moves a point by less than a cell

PointM = tuple[float, float]


def describe(
    site: Site, assessment: Assessment | None, *, has_truth: bool = False, has_cap: bool = False
) -> SiteDescription:
    return SiteDescription(
        site=site.site,
        name=site.name,
        time_zone=site.time_zone,
        origin=Origin(latitude=site.origin.latitude, longitude=site.origin.longitude),
        cell_m=site.cell_m,
        bounds_m=site.bounds_m,
        zones=tuple(
            SiteZone(
                id=zone.id,
                name=zone.name,
                crowd=zone.crowd,
                phase=zone.phase,
                surface=zone.surface,
                pedestrian=zone.pedestrian,
                polygon=zone.polygon,
                effective_area_m2=zone.effective_area_m2,
                safe_occupancy=zone.safe_occupancy,
                static=() if assessment is None else _scores(assessment, zone.id),
            )
            for zone in site.zones
        ),
        areas=tuple(
            SiteArea(
                id=area.id,
                name=area.name,
                polygon=area.polygon,
                closed_to=area.closed_to,
                restricted_stopping=area.restricted_stopping,
            )
            for area in site.areas
        ),
        obstacles=tuple(SiteObstacle(id=one.id, polygon=one.polygon) for one in site.obstacles),
        lines=tuple(
            SiteLine(id=line.id, camera=camera.id, start=line.start, end=line.end)
            for camera in site.cameras
            for line in camera.lines
        ),
        assets=tuple(
            SiteAsset(id=one.id, name=one.name, kind=one.kind, position_m=one.position_m)
            for one in site.assets
        ),
        cameras=tuple(
            SiteCamera(
                id=camera.id,
                agent=camera.agent,
                name=camera.name,
                position_m=camera.position_m,
                height_m=camera.height_m,
                vms_url=camera.vms_url,
                coverage_m=coverage_m(site, camera),
            )
            for camera in site.cameras
        ),
        assessment=None
        if assessment is None
        else SiteAssessment(
            id=assessment.file.id,
            version=assessment.file.version,
            status=assessment.file.status,
            synthetic=assessment.file.synthetic,
            warnings=tuple(english(one) for one in assessment.warnings),
            warning_phrases=assessment.warnings,
        ),
        rules=tuple(
            SiteRule(id=one.id, title=english(one.title), title_phrase=one.title, severity=one.severity)
            for one in rules.listing()
        ),
        has_truth=has_truth,
        has_cap=has_cap,
    )


def _scores(assessment: Assessment, zone: str) -> tuple[StaticScore, ...]:
    return tuple(
        StaticScore(
            threat=risk.threat.value, t=risk.t, v0=risk.v0, v=risk.v, c=risk.c, r=risk.r, band=risk.band
        )
        for risk in assessment.of_zone(zone)
    )


def coverage_m(site: Site, camera: Camera) -> tuple[PointM, ...] | None:
    """Convex outline of the cells that the camera covers, in site metres; None when it covers none."""
    frame = GridFrame.around(site.bounds_m, site.cell_m)
    planes = [plane(camera, surface) for surface in camera.surfaces]
    x, y = frame.centres_m()
    covered = precision(camera, planes, x, y) * COVERED_PIXELS < site.cell_m
    if not covered.any():
        return None
    half = site.cell_m / 2
    corners = [
        np.stack([x[covered] + dx, y[covered] + dy], axis=1) for dx in (-half, half) for dy in (-half, half)
    ]
    return convex_outline([(float(px), float(py)) for px, py in np.unique(np.concatenate(corners), axis=0)])


def convex_outline(points: list[PointM]) -> tuple[PointM, ...]:
    """Convex hull, counter-clockwise (Andrew, Another efficient algorithm for convex hulls, 1979)."""
    ordered = sorted(points)
    lower: list[PointM] = []
    upper: list[PointM] = []
    for chain, way in ((lower, ordered), (upper, ordered[::-1])):
        for point in way:
            while len(chain) >= 2 and _turn(chain[-2], chain[-1], point) <= 0:
                chain.pop()
            chain.append(point)
    return tuple(lower[:-1] + upper[:-1])


def _turn(a: PointM, b: PointM, c: PointM) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
