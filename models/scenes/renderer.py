"""Draws one view: the place once, then people, vehicles and what they carry in every frame. OpenGL 3.3 through EGL.

Each frame also yields, per pixel, the number of the person or vehicle seen there and its depth; truth rests on them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import cv2
import moderngl
import numpy as np
import numpy.typing as npt

from models.scenes import shaders
from models.scenes.bodies import BodySet
from models.scenes.camera import FARTHEST_M, NEAREST_M, View
from models.scenes.light import Light
from models.scenes.meshes import Mesh
from models.scenes.textures import painted
from models.scenes.vehicle_mesh import painted_sheets

Floats = npt.NDArray[np.float64]
Picture = npt.NDArray[np.uint8]

STILL_SHADOW_PX: Final = 4096
MOVING_SHADOW_PX: Final = 2048
SHADOW_REACH_M: Final = 70.0
"""Half the side of the ground that has sun shadows, around the middle of the view. [E]"""
FINE_PX: Final = 150.0
COARSE_PX: Final = 60.0
"""People taller than the first get the finest bodies, below the second the coarsest. [E]"""
BLOB: Final = 0.62

PEOPLE_DTYPE: Final = np.dtype(
    [
        ("at", "<f4", 3),
        ("turn_scale", "<f4", 2),
        ("frames", "<f4", 3),
        ("dress", "<u4", 9),
        ("who", "<u4"),
        ("style", "<f4", 4),
    ]
)
OBJECT_DTYPE: Final = np.dtype(
    [("at", "<f4", 3), ("turn_scale_tilt", "<f4", 3), ("paint", "<f4", 3), ("who", "<u4")]
)
BLOB_DTYPE: Final = np.dtype([("place", "<f4", 4), ("turn_dark", "<f4", 2)])
_PEOPLE_FORMAT: Final = "3f 2f 3f 4u 4u 1u 1u 4f/i"
_PEOPLE_NAMES: Final = ("at", "turn_scale", "frames", "dress_a", "dress_b", "dress_c", "who", "style")
_OBJECT_FORMAT: Final = "3f 3f 3f 1u/i"
_OBJECT_NAMES: Final = ("at", "turn_scale_tilt", "paint", "who")


class NoGraphics(RuntimeError):
    """OpenGL could not be started; the message says what to install."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """One frame of the ideal pinhole, `margin` times as large as the camera's picture, row 0 at the top.

    `rgb`: uint8. `number`: uint32, 0 where no person or vehicle is seen. `depth_m`: along the axis.
    """

    rgb: Picture
    number: npt.NDArray[np.uint32]
    depth_m: npt.NDArray[np.float32]


def context() -> Any:
    """A headless context. Raises NoGraphics."""
    try:
        create: Any = moderngl.create_standalone_context
        return create(backend="egl", require=330)
    except Exception as error:
        raise NoGraphics(
            f"scenes: no OpenGL through EGL ({error}); apt-get install libegl1 libgl1-mesa-dri"
        ) from error


class Renderer:
    """One place under one light. Objects are drawn from meshes given at the start, by name."""

    def __init__(
        self,
        still: Mesh,
        lamps: list[tuple[float, float, float, float]],
        light: Light,
        bodies: BodySet,
        objects: dict[str, Mesh],
    ) -> None:
        """`lamps`: x, y, height in metres, strength. Raises NoGraphics."""
        self.gl: Any = context()
        self.light = light
        self.bodies = bodies
        self.lamps = lamps[: shaders.MOST_LAMPS] if light.lamps > 0.0 else []
        self._programs = {
            "still": self._program(shaders.STILL_VERTEX, shaders.STILL_FRAGMENT),
            "sky": self._program(shaders.SKY_VERTEX, shaders.SKY_FRAGMENT),
            "ground": self._program(shaders.SKY_VERTEX, shaders.GROUND_FRAGMENT),
            "people": self._program(shaders.PEOPLE_VERTEX, shaders.PEOPLE_FRAGMENT),
            "objects": self._program(shaders.OBJECT_VERTEX, shaders.OBJECT_FRAGMENT),
            "still-shadow": self._program(shaders.STILL_VERTEX, shaders.SHADOW_FRAGMENT),
            "people-shadow": self._program(shaders.PEOPLE_VERTEX, shaders.SHADOW_FRAGMENT),
            "objects-shadow": self._program(shaders.OBJECT_VERTEX, shaders.SHADOW_FRAGMENT),
            "blob": self._program(shaders.BLOB_VERTEX, shaders.BLOB_FRAGMENT),
        }
        self._surfaces = self._layers(painted())
        self._sheets = self._layers(painted_sheets())
        self._still = self._mesh(still)
        self._objects = {name: self._mesh(mesh) for name, mesh in objects.items()}
        self._people = [self._body(i) for i in range(len(bodies.bodies))]
        self._instances = self.gl.buffer(reserve=PEOPLE_DTYPE.itemsize * 4096, dynamic=True)
        self._screen = self.gl.buffer(np.array([-1, -1, 1, -1, -1, 1, 1, 1], np.float32).tobytes())
        self._still_shadow = self._shadow_map(STILL_SHADOW_PX)
        self._moving_shadow = self._shadow_map(MOVING_SHADOW_PX)
        self._arrays: dict[tuple[str, str, int, int], Any] = {}
        self._view: View | None = None

    def close(self) -> None:
        """Frees the graphics memory. The renderer is of no more use."""
        self.gl.__enter__()
        self.gl.release()

    # --- building ------------------------------------------------------------------------------------------------

    def _program(self, vertex: str, fragment: str) -> Any:
        return self.gl.program(vertex_shader=vertex, fragment_shader=fragment)

    def _layers(self, pictures: Picture) -> Any:
        n, height, width = pictures.shape[:3]
        made = self.gl.texture_array((width, height, n), 4, np.ascontiguousarray(pictures).tobytes())
        made.build_mipmaps()
        made.filter = (moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR)
        made.anisotropy = 8.0
        return made

    def _mesh(self, mesh: Mesh) -> tuple[Any, int]:
        rows = np.concatenate(
            [mesh.points, mesh.normals, mesh.uv, mesh.layer[:, None], mesh.colours], axis=1, dtype=np.float32
        )
        return self.gl.buffer(np.ascontiguousarray(rows).tobytes()), rows.shape[0]

    def _body(self, i: int) -> dict[str, Any]:
        body = self.bodies.bodies[i]
        frames, vertices = body.points.shape[:2]
        textures = []
        for values in (body.points, body.normals):
            texture = self.gl.texture(
                (vertices, frames), 3, np.ascontiguousarray(values).tobytes(), dtype="f2", alignment=1
            )
            texture.filter = (moderngl.NEAREST, moderngl.NEAREST)
            textures.append(texture)
        rows = np.concatenate([body.regions[:, None], body.rest], axis=1, dtype=np.float32)
        return {
            "textures": textures,
            "vertices": self.gl.buffer(np.ascontiguousarray(rows).tobytes()),
            "levels": [
                self.gl.buffer(np.ascontiguousarray(level, np.int32).tobytes()) for level in body.levels
            ],
        }

    def _shadow_map(self, side_px: int) -> tuple[Any, Any]:
        depth = self.gl.depth_texture((side_px, side_px))
        depth.compare_func = "<="
        depth.filter = (moderngl.LINEAR, moderngl.LINEAR)
        depth.repeat_x = depth.repeat_y = False
        return depth, self.gl.framebuffer(depth_attachment=depth)

    # --- a view --------------------------------------------------------------------------------------------------

    def look_from(self, view: View) -> None:
        """Draws the place as seen from there, in light and in shade, once."""
        self.gl.__enter__()  # another renderer's context may be the current one
        if view == self._view:
            return
        self._view = view
        margin = view.margin()
        self.size = (round(view.width * margin), round(view.height * margin))
        self._camera = view.matrix(margin)
        self._set_light(view)
        self._draw_still_shadow()
        fine = (self.size[0] * 2, self.size[1] * 2)
        lit, dull, _ = self._draw_still(fine)
        _, _, self._depth = self._draw_still(self.size)
        self._lit = self._picture_texture(cv2.resize(lit, self.size, interpolation=cv2.INTER_AREA))
        self._dull = self._picture_texture(cv2.resize(dull, self.size, interpolation=cv2.INTER_AREA))
        colour = self.gl.texture(self.size, 4)
        self._number = self.gl.texture(self.size, 1, dtype="u4")
        depth = self.gl.depth_texture(self.size)
        depth.compare_func = ""
        self._frame = self.gl.framebuffer([colour, self._number], depth)
        self._paper = self.gl.framebuffer([colour], depth)

    def _picture_texture(self, rgba: npt.NDArray[Any]) -> Any:
        made = self.gl.texture(self.size, 4, np.ascontiguousarray(rgba).tobytes())
        made.filter = (moderngl.NEAREST, moderngl.NEAREST)
        return made

    def _set_light(self, view: View) -> None:
        light = self.light
        middle = view.ground(np.array([[view.width * 0.5, view.height * 0.62]]))[0]
        if not np.isfinite(middle).all():
            middle = view.eye_m[:2]
        self._shadow = _sun_matrix(light.towards_sun(), (float(middle[0]), float(middle[1])))
        values: dict[str, Any] = {
            "u_eye": tuple(view.eye_m),
            "u_sun_way": light.towards_sun(),
            "u_sun": light.sun,
            "u_sky": light.sky,
            "u_bounce": light.bounce,
            "u_horizon": light.horizon,
            "u_zenith": light.zenith,
            "u_exposure": light.exposure,
            "u_haze": light.haze_per_m,
            "u_lamps": light.lamps,
            "u_wet": light.wet,
            "u_saturation": light.saturation,
            "u_lamp_count": len(self.lamps),
            "u_lamp": self.lamps + [(0.0, 0.0, 0.0, 0.0)] * (shaders.MOST_LAMPS - len(self.lamps)),
            "u_surfaces": 0,
            "u_still_shadow": 1,
            "u_moving_shadow": 2,
            "u_sheets": 3,
            "u_points": 4,
            "u_normals": 5,
            "u_lit": 6,
            "u_dull": 7,
            "u_depth": 8,
        }
        for program in self._programs.values():
            for name, value in values.items():
                if name in program:
                    program[name] = value
            for name, matrix in (("u_shadow_matrix", self._shadow), ("u_back", np.linalg.inv(self._camera))):
                if name in program:
                    program[name].write(np.ascontiguousarray(matrix.T, np.float32).tobytes())
        self._aim(self._camera, ("still", "people", "objects", "blob"))
        self._aim(self._shadow, ("still-shadow", "people-shadow", "objects-shadow"))

    def _aim(self, matrix: Floats, programs: Iterable[str]) -> None:
        for name in programs:
            self._programs[name]["u_camera"].write(np.ascontiguousarray(matrix.T, np.float32).tobytes())

    def _draw_still_shadow(self) -> None:
        _depth, target = self._still_shadow
        target.use()
        target.clear(depth=1.0)
        self.gl.enable_only(moderngl.DEPTH_TEST)
        self.gl.polygon_offset = (2.0, 4.0)
        if max(self.light.sun) > 0.05:
            self._still_array("still-shadow").render()
        self.gl.polygon_offset = (0.0, 0.0)

    def _still_array(self, program: str) -> Any:
        buffer, _ = self._still
        content = [(buffer, "3f 3f 2f 1f 3f", "in_point", "in_normal", "in_uv", "in_layer", "in_colour")]
        return self.gl.vertex_array(self._programs[program], content, skip_errors=True)

    def _draw_still(self, size: tuple[int, int]) -> tuple[npt.NDArray[Any], npt.NDArray[Any], Any]:
        textures = [self.gl.texture(size, 4), self.gl.texture(size, 4)]
        depth = self.gl.depth_texture(size)
        depth.compare_func = ""
        depth.filter = (moderngl.NEAREST, moderngl.NEAREST)
        target = self.gl.framebuffer(textures, depth)
        target.use()
        target.clear(depth=1.0)
        self._surfaces.use(0)
        self._still_shadow[0].use(1)
        self.gl.enable_only(moderngl.DEPTH_TEST)
        self.gl.depth_func = "<="
        self._still_array("still").render()
        sky = self.gl.vertex_array(self._programs["sky"], [(self._screen, "2f", "in_point")])
        sky.render(moderngl.TRIANGLE_STRIP)
        pictures = [np.frombuffer(t.read(), np.uint8).reshape(size[1], size[0], 4) for t in textures]
        return pictures[0], pictures[1], depth

    # --- a frame -------------------------------------------------------------------------------------------------

    def draw(
        self,
        people: npt.NDArray[np.void],
        shapes: npt.NDArray[np.int32],
        objects: list[tuple[str, npt.NDArray[np.void]]],
        blobs: npt.NDArray[np.void],
    ) -> Drawn:
        """`people` (n,) of PEOPLE_DTYPE with their `shapes` (n,); `objects`: mesh name and rows of OBJECT_DTYPE."""
        view = self._view
        if view is None:
            raise RuntimeError("scenes: look_from comes before draw")
        self.gl.__enter__()
        groups = self._groups(view, people, shapes)
        self._draw_moving_shadow(people, shapes, objects)
        self._frame.use()
        self._lit.use(6)
        self._dull.use(7)
        self._depth.use(8)
        self._still_shadow[0].use(1)
        self._moving_shadow[0].use(2)
        self._sheets.use(3)
        self.gl.enable_only(moderngl.DEPTH_TEST)
        self.gl.depth_func = "1"
        ground = self.gl.vertex_array(
            self._programs["ground"], [(self._screen, "2f", "in_point")], skip_errors=True
        )
        ground.render(moderngl.TRIANGLE_STRIP)
        self.gl.depth_func = "<="
        self._draw_blobs(blobs)
        self._frame.use()
        self.gl.enable_only(moderngl.DEPTH_TEST)
        for shape, level, rows in groups:
            self._draw_people("people", shape, level, rows)
        for name, rows in objects:
            self._draw_objects("objects", name, rows)
        return self._read()

    def _groups(
        self, view: View, people: npt.NDArray[np.void], shapes: npt.NDArray[np.int32]
    ) -> list[tuple[int, int, npt.NDArray[np.void]]]:
        if people.shape[0] == 0:
            return []
        depth = view.depth_m(people["at"].astype(np.float64))
        height_px = 1.75 * view.focal_px / np.maximum(depth, 0.3)
        level = np.where(height_px > FINE_PX, 0, np.where(height_px > COARSE_PX, 1, 2))
        ahead = depth > NEAREST_M
        found = []
        for shape in range(len(self.bodies.bodies)):
            for lod in range(3):
                chosen = ahead & (shapes == shape) & (level == lod)
                if chosen.any():
                    found.append((shape, lod, people[chosen]))
        return found

    def _draw_moving_shadow(
        self,
        people: npt.NDArray[np.void],
        shapes: npt.NDArray[np.int32],
        objects: list[tuple[str, npt.NDArray[np.void]]],
    ) -> None:
        _depth, target = self._moving_shadow
        target.use()
        target.clear(depth=1.0)
        if max(self.light.sun) <= 0.05:
            return
        self.gl.enable_only(moderngl.DEPTH_TEST)
        for shape in range(len(self.bodies.bodies)):
            rows = people[shapes == shape]
            if rows.shape[0]:
                self._draw_people("people-shadow", shape, 2, rows)
        for name, rows in objects:
            self._draw_objects("objects-shadow", name, rows)

    def _draw_blobs(self, blobs: npt.NDArray[np.void]) -> None:
        """The soft dark under feet and cars, where little of the sky reaches the ground."""
        if blobs.shape[0] == 0:
            return
        self._paper.use()
        self.gl.enable_only(moderngl.DEPTH_TEST | moderngl.BLEND)
        self.gl.blend_func = moderngl.ZERO, moderngl.SRC_COLOR
        self._paper.depth_mask = False
        self._instances.write(np.ascontiguousarray(blobs).tobytes())
        content = [(self._screen, "2f", "in_corner"), (self._instances, "4f 2f/i", "place", "turn_dark")]
        self.gl.vertex_array(self._programs["blob"], content).render(
            moderngl.TRIANGLE_STRIP, instances=blobs.shape[0]
        )
        self._paper.depth_mask = True

    def _draw_people(self, program: str, shape: int, level: int, rows: npt.NDArray[np.void]) -> None:
        key = (program, "", shape, level)
        body = self._people[shape]
        if key not in self._arrays:
            content = [
                (body["vertices"], "1f 3f", "in_region", "in_rest"),
                (self._instances, _PEOPLE_FORMAT, *_PEOPLE_NAMES),
            ]
            self._arrays[key] = self.gl.vertex_array(
                self._programs[program], content, index_buffer=body["levels"][level], skip_errors=True
            )
        body["textures"][0].use(4)
        body["textures"][1].use(5)
        self._instances.write(np.ascontiguousarray(rows).tobytes())
        self._arrays[key].render(instances=rows.shape[0])

    def _draw_objects(self, program: str, name: str, rows: npt.NDArray[np.void]) -> None:
        key = (program, name, 0, 0)
        buffer, _ = self._objects[name]
        if key not in self._arrays:
            content = [
                (buffer, "3f 3f 2f 1f 3f", "in_point", "in_normal", "in_uv", "in_layer", "in_colour"),
                (self._instances, _OBJECT_FORMAT, *_OBJECT_NAMES),
            ]
            self._arrays[key] = self.gl.vertex_array(self._programs[program], content, skip_errors=True)
        self._instances.write(np.ascontiguousarray(rows).tobytes())
        self._arrays[key].render(instances=rows.shape[0])

    def _read(self) -> Drawn:
        width, height = self.size
        colour = np.frombuffer(self._frame.read(components=3, alignment=1), np.uint8).reshape(
            height, width, 3
        )
        number = np.frombuffer(self._number.read(), np.uint32).reshape(height, width)
        raw = np.frombuffer(self._frame.read(attachment=-1, components=1, dtype="f4"), np.float32)
        n, f = NEAREST_M, FARTHEST_M
        depth = 2.0 * f * n / (f + n - (2.0 * raw.reshape(height, width) - 1.0) * (f - n))
        return Drawn(colour[::-1], number[::-1], depth[::-1].astype(np.float32))


def _sun_matrix(way: tuple[float, float, float], middle: tuple[float, float]) -> Floats:
    """An orthographic camera that looks from the sun at the ground around `middle`."""
    ahead = -np.asarray(way)
    up = np.array([0.0, 0.0, 1.0]) if abs(ahead[2]) < 0.95 else np.array([0.0, 1.0, 0.0])
    right = np.cross(ahead, up)
    right /= np.linalg.norm(right)
    up = np.cross(right, ahead)
    reach, deep = SHADOW_REACH_M, 260.0
    matrix = np.eye(4)
    centre = np.array([middle[0], middle[1], 0.0])
    for row, axis, scale in ((0, right, reach), (1, up, reach), (2, ahead, deep)):
        matrix[row, :3] = axis / scale
        matrix[row, 3] = -float(axis @ centre) / scale
    return matrix
