"""The site frame and the ground grid.

Site frame: metres east (x) and north (y) of the site's WGS 84 origin. Outside boundaries speak GeoJSON (lon, lat).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from contract import limits
from contract.messages import Grid

FloatGrid = npt.NDArray[np.float64]
BoolGrid = npt.NDArray[np.bool_]

_WGS84_A_M = 6_378_137.0
_WGS84_E2 = 6.694_379_990_14e-3
_PEOPLE_SCALE = 100.0
_VARIANCE_SCALE = 1000.0
_UINT16_MAX = 65_535
_U16 = np.dtype("<u2")


@dataclass(frozen=True, slots=True)
class SiteFrame:
    """Local tangent plane at a WGS 84 point, through the radii of curvature of the ellipsoid.

    Metres per degree from the meridional and prime-vertical radii (Snyder, Map Projections: A Working Manual,
    USGS 1987, eq. 4-18 and 4-20). The error stays under 0.1 m within 2 km of the origin at European latitudes.
    """

    latitude: float
    longitude: float

    def _metres_per_degree(self) -> tuple[float, float]:
        phi = math.radians(self.latitude)
        w2 = 1.0 - _WGS84_E2 * math.sin(phi) ** 2
        meridional_m = _WGS84_A_M * (1.0 - _WGS84_E2) / w2**1.5
        prime_vertical_m = _WGS84_A_M / math.sqrt(w2)
        return math.radians(prime_vertical_m * math.cos(phi)), math.radians(meridional_m)

    def to_lonlat(self, x_m: float, y_m: float) -> tuple[float, float]:
        """(longitude, latitude) in degrees, GeoJSON order."""
        east, north = self._metres_per_degree()
        return self.longitude + x_m / east, self.latitude + y_m / north

    def to_site(self, longitude: float, latitude: float) -> tuple[float, float]:
        """Metres east and north of the origin."""
        east, north = self._metres_per_degree()
        return (longitude - self.longitude) * east, (latitude - self.latitude) * north


@dataclass(frozen=True, slots=True)
class GridFrame:
    """Where a grid lies: `column0`, `row0` count whole cells from the site origin to the south-west corner."""

    cell_m: float
    column0: int
    row0: int
    columns: int
    rows: int

    @property
    def shape(self) -> tuple[int, int]:
        return self.rows, self.columns

    @property
    def origin_m(self) -> tuple[float, float]:
        return self.column0 * self.cell_m, self.row0 * self.cell_m

    def centres_m(self) -> tuple[FloatGrid, FloatGrid]:
        """x and y of every cell's centre, each of shape (rows, columns)."""
        x = (self.column0 + np.arange(self.columns) + 0.5) * self.cell_m
        y = (self.row0 + np.arange(self.rows) + 0.5) * self.cell_m
        grid_x, grid_y = np.meshgrid(x, y)
        return grid_x, grid_y

    def cell_of(self, x_m: float, y_m: float) -> tuple[int, int] | None:
        """(row, column) that holds the point, or None outside."""
        row = math.floor(y_m / self.cell_m) - self.row0
        column = math.floor(x_m / self.cell_m) - self.column0
        if 0 <= row < self.rows and 0 <= column < self.columns:
            return row, column
        return None

    def window_in(self, outer: GridFrame) -> tuple[slice, slice]:
        """Rows and columns of `outer` that this frame takes up. Raises ValueError when it does not lie inside."""
        row, column = self.row0 - outer.row0, self.column0 - outer.column0
        if (
            self.cell_m != outer.cell_m
            or row < 0
            or column < 0
            or row + self.rows > outer.rows
            or column + self.columns > outer.columns
        ):
            raise ValueError(f"grid {self} does not lie inside {outer}")
        return slice(row, row + self.rows), slice(column, column + self.columns)

    @staticmethod
    def around(bounds_m: tuple[float, float, float, float], cell_m: float) -> GridFrame:
        """The smallest frame over (x_min, y_min, x_max, y_max). Raises ValueError past the wire's cell limit."""
        x_min, y_min, x_max, y_max = bounds_m
        column0, row0 = math.floor(x_min / cell_m), math.floor(y_min / cell_m)
        columns = max(1, math.ceil(x_max / cell_m) - column0)
        rows = max(1, math.ceil(y_max / cell_m) - row0)
        return GridFrame(cell_m, column0, row0, columns, rows)


@dataclass(frozen=True, slots=True)
class Velocity:
    """Per-cell motion: number of people it rests on, mean velocity in m/s, variance in m2/s2, each (rows, columns)."""

    n: FloatGrid
    x_m_s: FloatGrid
    y_m_s: FloatGrid
    variance_m2_s2: FloatGrid


@dataclass(frozen=True, slots=True)
class GroundGrid:
    """People per cell over the ground one camera sees. Arrays have shape (rows, columns), row 0 in the south.

    `people`, `sigma_people`: persons. `covered`: calibrated and precise enough. `observed`: seen in this window.
    Where `observed` is False, `people` says nothing: it is not zero.
    """

    frame: GridFrame
    people: FloatGrid
    sigma_people: FloatGrid
    covered: BoolGrid
    observed: BoolGrid
    velocity: Velocity | None = None

    def to_wire(self) -> Grid:
        """Rounded to 0.01 person, clipped to what uint16 holds (655 people in a cell).

        A cell whose count or sigma is no number goes out as not observed: it must not read as nobody.
        """
        velocity = self.velocity
        known = np.isfinite(self.people) & np.isfinite(self.sigma_people)
        people, sigma, observed = self.people, self.sigma_people, self.observed
        if not known.all():
            people, sigma = np.where(known, people, 0.0), np.where(known, sigma, 0.0)
            observed = observed & known
        return Grid(
            origin_m=self.frame.origin_m,
            cell_m=self.frame.cell_m,
            columns=self.frame.columns,
            rows=self.frame.rows,
            people=_pack_u16(people, _PEOPLE_SCALE),
            sigma_people=_pack_u16(sigma, _PEOPLE_SCALE),
            covered=np.packbits(self.covered, bitorder="little").tobytes(),
            observed=np.packbits(observed, bitorder="little").tobytes(),
            velocity_n=None if velocity is None else _pack_u16(velocity.n, 1.0),
            velocity_x=None if velocity is None else _pack_i16(velocity.x_m_s, 100.0),
            velocity_y=None if velocity is None else _pack_i16(velocity.y_m_s, 100.0),
            velocity_variance=None
            if velocity is None
            else _pack_u16(velocity.variance_m2_s2, _VARIANCE_SCALE),
        )

    @staticmethod
    def from_wire(grid: Grid) -> GroundGrid:
        """Raises ValueError when arrays do not fit the grid's size, or the grid is off the site's cells."""
        frame = _frame_of(grid.origin_m, grid.cell_m, grid.columns, grid.rows)
        cells = frame.rows * frame.columns
        bitmap = (cells + 7) // 8
        counted, spread = grid.people, grid.sigma_people
        if not (
            len(counted) == len(spread) == 2 * cells and len(grid.covered) == len(grid.observed) == bitmap
        ):
            raise ValueError(_misfit(grid, cells, bitmap))
        if grid.observed != grid.covered:
            # on the bitmaps themselves: sixty times cheaper than on arrays, and this is the hub's hottest path
            seen_uncovered = int.from_bytes(grid.observed, "little") & ~int.from_bytes(grid.covered, "little")
            if seen_uncovered & ((1 << cells) - 1):
                raise ValueError("grid.observed holds cells that are not covered")
        # both at once, since each operation on so small an array costs more than its arithmetic
        hundredths = np.frombuffer(counted + spread, _U16).reshape(2, frame.rows, frame.columns)
        most = int(hundredths.item(int(hundredths[0].argmax())))
        # half a step more, since a sender at the limit rounds to the nearest hundredth
        if most > limits.DENSITY_MAX_PER_M2 * frame.cell_m**2 * _PEOPLE_SCALE + 0.5:
            worst = most / _PEOPLE_SCALE / frame.cell_m**2
            raise ValueError(f"grid.people reaches {worst:.1f} per m2; at most {limits.DENSITY_MAX_PER_M2:g}")
        people, sigma = hundredths / _PEOPLE_SCALE
        covered = _bits(grid.covered, frame.shape)
        observed = _bits(grid.observed, frame.shape)
        return GroundGrid(frame, people, sigma, covered, observed, _velocity_of(grid, frame, cells))


def _misfit(grid: Grid, cells: int, bitmap: int) -> str:
    for name, array, length in (
        ("people", grid.people, 2 * cells),
        ("sigma_people", grid.sigma_people, 2 * cells),
        ("covered", grid.covered, bitmap),
        ("observed", grid.observed, bitmap),
    ):
        if len(array) != length:
            return f"grid.{name} holds {len(array)} bytes; {cells} cells need {length}"
    raise AssertionError(f"{cells} cells fit")


@lru_cache(maxsize=1024)
def _frame_of(origin_m: tuple[float, float], cell_m: float, columns: int, rows: int) -> GridFrame:
    """Cached, since a camera's frame is the same in every reading. Raises ValueError."""
    if columns * rows > limits.GRID_MAX_CELLS:
        raise ValueError(f"grid has {columns * rows} cells; at most {limits.GRID_MAX_CELLS}")
    column0, row0 = origin_m[0] / cell_m, origin_m[1] / cell_m
    if abs(column0 - round(column0)) > 1e-6 or abs(row0 - round(row0)) > 1e-6:
        raise ValueError(f"grid.origin_m {origin_m} is not a whole multiple of cell_m {cell_m:g}")
    return GridFrame(cell_m, round(column0), round(row0), columns, rows)


def _velocity_of(grid: Grid, frame: GridFrame, cells: int) -> Velocity | None:
    n, x, y, variance = grid.velocity_n, grid.velocity_x, grid.velocity_y, grid.velocity_variance
    if n is None and x is None and y is None and variance is None:
        return None
    if n is None or x is None or y is None or variance is None:
        raise ValueError("grid.velocity_* come together or not at all")
    if not len(n) == len(x) == len(y) == len(variance) == 2 * cells:
        raise ValueError(f"grid.velocity_* arrays need {2 * cells} bytes each for {cells} cells")
    return Velocity(
        _unpack(n, "<u2", frame),
        _unpack(x, "<i2", frame) / 100.0,
        _unpack(y, "<i2", frame) / 100.0,
        _unpack(variance, "<u2", frame) / _VARIANCE_SCALE,
    )


def _pack_u16(values: FloatGrid, scale: float) -> bytes:
    return np.clip(np.rint(values * scale), 0, _UINT16_MAX).astype("<u2").tobytes()


def _pack_i16(values: FloatGrid, scale: float) -> bytes:
    return np.clip(np.rint(values * scale), -32_768, 32_767).astype("<i2").tobytes()


def _unpack(array: bytes, dtype: str, frame: GridFrame) -> FloatGrid:
    return np.frombuffer(array, dtype=dtype).astype(np.float64).reshape(frame.shape)


@lru_cache(maxsize=1024)
def _bits(array: bytes, shape: tuple[int, int]) -> BoolGrid:
    """Cached and therefore read-only: what a camera covers, and mostly what it sees, stays from reading to reading."""
    count = shape[0] * shape[1]
    bits = np.unpackbits(np.frombuffer(array, dtype=np.uint8), count=count, bitorder="little")
    found = bits.view(np.bool_).reshape(shape)
    found.flags.writeable = False
    return found
