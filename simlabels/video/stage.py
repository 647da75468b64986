"""The stage: draws people in a scene as a camera sees them, with OpenGL on whatever the machine has; no screen, no GPU needed.

Rows come in OpenCV's order without a flip: clip space keeps the camera's y (down), and OpenGL reads its lowest row first. That mirrors
the winding, so fronts are clockwise.

While the camera stands still, the scene without people is drawn once; then each picture draws only the rectangle that people and their
shadows touch. Both ways give the same picture.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from realtime.capture.opencv import load_cv2

from .camera import Camera
from .person import DrawnPerson
from .programs import FRAME_BLOCK, TEXTURE_UNITS, gl_context, noise
from .props import SHADOW_BIAS_M, People, SceneBuffers, ShadowMap
from .scene import Scene

NEAR_M, FAR_M = 0.1, 250.0
#: Left around what people touch: shadows have soft edges.
MARGIN_PX = 3


class _Box(NamedTuple):
    """Pixels [left, right) x [top, bottom)."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def slices(self) -> tuple[slice, slice]:
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def viewport(self) -> tuple[int, int, int, int]:
        """(x, y, width, height)."""
        return self.left, self.top, self.right - self.left, self.bottom - self.top


class _Empty(NamedTuple):
    """The scene without people."""

    picture_bgr: np.ndarray
    depth_m: np.ndarray


class Stage:
    """Pictures of one size; any number of people, one scene. Stages of a process share one context: draw from one thread only."""

    def __init__(self, width: int, height: int, *, shadow: bool = True):
        """Opens the renderer.

        Raises:
            BioHumanError: moderngl is not installed, or there is no OpenGL over EGL.
        """
        ctx = gl_context()
        self.size_px = (width, height)
        self.device: str = ctx.info["GL_RENDERER"]
        self._cv2 = load_cv2()
        self._whole = _Box(0, 0, width, height)
        self._attachments = (ctx.renderbuffer((width, height), 4), ctx.depth_renderbuffer((width, height)))
        self._target = ctx.framebuffer(*self._attachments)
        self._frame = ctx.buffer(reserve=4 * (2 * 16 + 4 * 4))  # the block `Frame` of the shaders
        self._shadow = ShadowMap() if shadow else None
        self._people: People | None = None
        self._scene: SceneBuffers | None = None
        self._last: Camera | None = None
        self._empty: _Empty | None = None
        self._drawn: _Box | None = None

    def set_people(self, people: Sequence[DrawnPerson]) -> None:
        """Who is drawn from now on.

        Raises:
            InputError: a mesh lacks a uniform that its material's shader wants.
        """
        if self._people:
            self._people.release()
        self._people = self._drawn = None
        self._people = People(people, shadow=self._shadow is not None)

    def set_scene(self, scene: Scene) -> None:
        """Where they are drawn from now on."""
        if self._scene:
            self._scene.release()
        self._scene = self._last = self._empty = self._drawn = None
        self._scene = SceneBuffers(scene, shadow=self._shadow is not None)

    def draw(self, poses: Sequence[tuple[np.ndarray, np.ndarray]], camera: Camera) -> None:
        """Draws everybody's pose, (R_global (24, 3, 3), joints_m (24, 3)) each, as the camera sees it.

        Raises:
            ValueError: people or scene are not set, or there are not as many poses as people.
        """
        if self._people is None or self._scene is None:
            raise ValueError("set_people and set_scene come before draw")
        if len(poses) != len(self._people.people):
            raise ValueError(f"there are {len(self._people.people)} people on the stage, and {len(poses)} poses were given")
        stands = self._last is not None and all(map(np.array_equal, self._last, camera))
        self._last = Camera(*(np.array(x) for x in camera))
        if not stands:
            self._empty = None
        elif self._empty is None:
            self._empty = self._without_people(self._scene, camera)
        points_m = self._people.pose(poses)
        shadow_from_world = np.eye(4)
        if self._shadow and points_m.size:
            shadow_from_world = self._shadow.draw(self._people, points_m, self._scene.scene.light.to_light)
        touched = self._touched(self._scene, points_m, camera)
        self._drawn = touched if stands else self._whole
        self._begin(self._scene, self._drawn, camera, shadow_from_world)
        self._people.render()
        # The scene comes last: what people hide of it is never shaded.
        if self._shadow and points_m.size:
            self._target.scissor = touched.viewport
            self._target.use()
            self._scene.render(shadowed=True)
        if not (self._shadow and stands):
            self._target.scissor = self._drawn.viewport
            self._target.use()
            self._scene.render(shadowed=False)

    def picture_bgr(self) -> np.ndarray:
        """What was drawn last (H, W, 3) uint8, through the scene's camera response.

        Raises:
            ValueError: nothing has been drawn since people or scene were set.
        """
        box, scene = self._has_drawn()
        if self._empty is None:
            return self._read_picture(scene, box)
        picture = self._empty.picture_bgr.copy()
        picture[box.slices] = self._read_picture(scene, box)
        return picture

    def depth_m(self) -> np.ndarray:
        """Distance along the camera's axis of what each pixel shows (H, W) float32; infinite where nothing is.

        Raises:
            ValueError: nothing has been drawn since people or scene were set.
        """
        box, _ = self._has_drawn()
        if self._empty is None:
            return self._read_depth(box)
        depth_m = self._empty.depth_m.copy()
        depth_m[box.slices] = self._read_depth(box)
        return depth_m

    def close(self) -> None:
        """Gives back what lies on the graphics device; a closed stage draws no more."""
        for thing in (self._people, self._scene, self._shadow, self._target, *self._attachments, self._frame):
            if thing is not None:
                thing.release()
        self._people = self._scene = self._shadow = self._drawn = self._empty = None
        self._attachments = ()

    def _has_drawn(self) -> tuple[_Box, SceneBuffers]:
        if self._drawn is None or self._scene is None:
            raise ValueError("nothing is drawn yet: call draw first")
        return self._drawn, self._scene

    def _without_people(self, scene: SceneBuffers, camera: Camera) -> _Empty:
        self._begin(scene, self._whole, camera, np.eye(4))
        scene.render(shadowed=False)
        return _Empty(self._read_picture(scene, self._whole), self._read_depth(self._whole))

    def _begin(self, scene: SceneBuffers, box: _Box, camera: Camera, shadow_from_world: np.ndarray) -> None:
        """Empties `box` of the picture, outside of which nothing will be drawn, and tells the shaders of camera and light."""
        ctx = gl_context()
        ctx.enable_only(ctx.DEPTH_TEST | ctx.CULL_FACE)
        ctx.front_face = "cw"
        light = scene.scene.light
        cam_from_world = np.eye(4)
        cam_from_world[:3, :3], cam_from_world[:3, 3] = camera.R_cam_world, camera.t_cam_m
        vectors = np.zeros((4, 4))
        vectors[:, :3] = (
            -camera.R_cam_world.T @ camera.t_cam_m,
            light.to_light,
            light.gain * np.asarray(light.colour),
            light.gain * np.asarray(light.ambient),
        )
        clip_from_world = _clip_from_cam(camera.K_px, self.size_px) @ cam_from_world
        self._frame.write(np.concatenate([clip_from_world.T, shadow_from_world.T, vectors]).astype(np.float32))
        self._frame.bind_to_uniform_block(FRAME_BLOCK)
        noise().use(TEXTURE_UNITS["noise"])
        if self._shadow:
            self._shadow.use()
        self._target.scissor = box.viewport
        self._target.use()
        self._target.clear(viewport=box.viewport)

    def _touched(self, scene: SceneBuffers, points_m: np.ndarray, camera: Camera) -> _Box:
        """The pixels that people and their shadows may reach. A shadow ends on the floor at the latest."""
        if not points_m.size:
            return _Box(0, 0, 0, 0)
        if self._shadow:
            to_light = np.asarray(scene.scene.light.to_light, np.float32)
            fall = (points_m[1] - np.float32(scene.floor_m - 2 * SHADOW_BIAS_M)) / to_light[1]
            points_m = np.concatenate([points_m, points_m - fall * to_light[:, None]], axis=1)
        matrix = (camera.K_px @ np.c_[camera.R_cam_world, camera.t_cam_m]).astype(np.float32)
        pixels = matrix[:, :3] @ points_m + matrix[:, 3:]
        if pixels[2].min() < NEAR_M:
            return self._whole
        pixels = pixels[:2] / pixels[2]
        low, high = np.floor(pixels.min(1)) - MARGIN_PX, np.ceil(pixels.max(1)) + MARGIN_PX
        (left, top), (right, bottom) = (edge.clip(0, self.size_px).astype(int).tolist() for edge in (low, high))
        return _Box(left, top, right, bottom)

    def _read_picture(self, scene: SceneBuffers, box: _Box) -> np.ndarray:
        _, _, width, height = box.viewport
        if not width * height:
            return np.zeros((height, width, 3), np.uint8)
        rgba = np.frombuffer(self._target.read(box.viewport, components=4), np.uint8).reshape(height, width, 4)
        return self._cv2.LUT(self._cv2.cvtColor(rgba, self._cv2.COLOR_RGBA2BGR), scene.response_bgr)

    def _read_depth(self, box: _Box) -> np.ndarray:
        _, _, width, height = box.viewport
        if not width * height:
            return np.zeros((height, width), np.float32)
        read = self._target.read(box.viewport, components=1, attachment=-1, dtype="f4")
        depth = np.frombuffer(read, np.float32).reshape(height, width)
        depth_m = depth * np.float32(1 / FAR_M - 1 / NEAR_M)
        depth_m += np.float32(1 / NEAR_M)
        np.reciprocal(depth_m, out=depth_m)
        depth_m[depth == 1] = np.inf
        return depth_m


def _clip_from_cam(K_px: np.ndarray, size_px: tuple[int, int]) -> np.ndarray:
    """The projection (4, 4) of OpenCV's camera axes: its rows, counted from the top, become OpenGL's, counted from the bottom."""
    (width, height), (fx, fy), (cx, cy) = size_px, (K_px[0, 0], K_px[1, 1]), (K_px[0, 2], K_px[1, 2])
    return np.array(
        [
            [2 * fx / width, 2 * K_px[0, 1] / width, 2 * cx / width - 1, 0],
            [0, 2 * fy / height, 2 * cy / height - 1, 0],
            [0, 0, (FAR_M + NEAR_M) / (FAR_M - NEAR_M), -2 * FAR_M * NEAR_M / (FAR_M - NEAR_M)],
            [0, 0, 1, 0],
        ]
    )
