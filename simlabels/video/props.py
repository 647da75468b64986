"""What stands on the stage, as buffers of the graphics device: people, the scene, the map of shadows."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from realtime.body.errors import InputError

from .mesh import Mesh
from .person import DrawnPerson, skinned
from .programs import TEXTURE_UNITS, TWO_SIDED, gl_context, program
from .scene import Scene

#: Shadow map: texels a side, how far below a surface its own shadow begins, what is left free around the people.
SHADOW_TEXELS, SHADOW_BIAS_M, SHADOW_MARGIN_M = 384, 0.018, 0.1
#: Of a shadow only the outline is seen: vertices that share a cell of this size are one.
SHADOW_GRID_M = 0.025


class People:
    """Everybody's triangles: one buffer that changes with the pose, one that does not, an index buffer a mesh."""

    def __init__(self, people: Sequence[DrawnPerson], *, shadow: bool):
        """Uploads what does not change.

        Raises:
            InputError: a mesh lacks a uniform that its material's shader wants.
        """
        ctx = gl_context()
        self.people = people
        self._gl_objects: list[Any] = []
        self._draws: list[tuple[Mesh, Any, Any]] = []
        self._outline: Any = None
        meshes = [mesh for person in people for mesh in person.meshes]
        if not meshes:
            return
        for mesh in meshes:
            _check_uniforms(mesh, shadow)
        total = sum(len(mesh.vertices_m) for mesh in meshes)
        index = np.dtype(np.uint16 if total <= 2**16 else np.uint32)
        fixed = np.concatenate([np.concatenate([mesh.texture_m, mesh.region, mesh.colour], axis=1) for mesh in meshes])
        self._posed, self._fixed = ctx.buffer(reserve=total * 24, dynamic=True), ctx.buffer(fixed.astype(np.float32).tobytes())
        self._gl_objects += [self._posed, self._fixed]
        outlines, first = [], 0
        for mesh in meshes:
            content = [(self._posed, "3f 3f", "position", "normal"), (self._fixed, "3f 4f 4f", "texture_m", "region", "colour")]
            made = program(mesh.material, shadow=shadow)
            self._draws.append((mesh, made, self._array(made, content, mesh.triangles + first, index)))
            outlines.append(_coarse(mesh) + first)
            first += len(mesh.vertices_m)
        if shadow:
            content = [(self._posed, "3f 12x", "position")]
            self._outline = self._array(program("shadow"), content, np.concatenate(outlines), index)

    def pose(self, poses: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
        """Takes everybody's pose; gives the vertices of all, world, as (3, n) float32: numpy runs along rows ten times as fast."""
        posed = [part for person, pose in zip(self.people, poses, strict=True) for part in skinned(person, *pose)]
        if not posed:
            return np.zeros((3, 0), np.float32)
        vertices = np.concatenate(posed)
        self._posed.write(vertices)
        return np.ascontiguousarray(vertices[:, :3].T)

    def render(self) -> None:
        ctx = gl_context()
        for mesh, made, array in self._draws:
            for name, value in mesh.uniforms.items():
                if name in made:
                    made[name].value = value
            if mesh.material in TWO_SIDED:
                ctx.disable(ctx.CULL_FACE)
                array.render()
                ctx.enable(ctx.CULL_FACE)
            else:
                array.render()

    def render_outline(self) -> None:
        if self._outline:
            self._outline.render()

    def release(self) -> None:
        for thing in reversed(self._gl_objects):
            thing.release()

    def _array(self, made: Any, content: list[Any], triangles: np.ndarray, index: np.dtype) -> Any:
        indices = gl_context().buffer(triangles.astype(index).tobytes())
        array = gl_context().vertex_array(made, content, indices, index_element_size=index.itemsize, skip_errors=True)
        self._gl_objects += [indices, array]
        return array


class SceneBuffers:
    """A scene's faces and textures."""

    def __init__(self, scene: Scene, *, shadow: bool):
        ctx = gl_context()
        self.scene = scene
        self.floor_m = scene.floor_m
        self.response_bgr = np.ascontiguousarray(scene.response[None, :, ::-1])
        vertices = ctx.buffer(scene.vertices.astype(np.float32).tobytes())
        layers, height, width, _ = scene.tiles.shape
        rgba = np.concatenate([scene.tiles, np.full((layers, height, width, 1), 255, np.uint8)], axis=-1)
        self._tiles = ctx.texture_array((width, height, layers), 4, rgba.tobytes())
        self._tiles.build_mipmaps()
        self._tiles.filter = (ctx.LINEAR_MIPMAP_NEAREST, ctx.LINEAR)
        content = [(vertices, "3f 3f 2f 3f 1f", "position", "normal", "uv", "tint", "layer")]
        self._plain = ctx.vertex_array(program("scene"), content)
        self._shadowed = ctx.vertex_array(program("scene", shadow=True), content, skip_errors=True) if shadow else self._plain
        self._gl_objects = [vertices, self._tiles, self._plain, *([self._shadowed] if shadow else [])]

    def render(self, *, shadowed: bool) -> None:
        self._tiles.use(TEXTURE_UNITS["tiles"])
        (self._shadowed if shadowed else self._plain).render()

    def release(self) -> None:
        for thing in reversed(self._gl_objects):
            thing.release()


class ShadowMap:
    """How far the light gets, over the square that people fill as it sees them."""

    def __init__(self) -> None:
        ctx = gl_context()
        self._map = ctx.depth_texture((SHADOW_TEXELS, SHADOW_TEXELS))
        self._map.compare_func = "<="
        self._map.filter = (ctx.LINEAR, ctx.LINEAR)
        self._map.repeat_x = self._map.repeat_y = False
        self._target = ctx.framebuffer(depth_attachment=self._map)

    def draw(self, people: People, points_m: np.ndarray, to_light: np.ndarray) -> np.ndarray:
        """Draws the map of people whose vertices are `points_m` (3, n); gives shadow_from_world (4, 4), 0..1 in the map.

        What lies beside the map or nearer to the light than everybody is lit.
        """
        ctx = gl_context()
        right = np.cross([0.0, 1.0, 0.0] if abs(to_light[1]) < 0.99 else [0.0, 0.0, 1.0], to_light)
        right /= np.linalg.norm(right)
        axes = np.stack([right, np.cross(to_light, right), -np.asarray(to_light)])
        at = axes.astype(np.float32) @ points_m
        low, high = at.min(1) - SHADOW_MARGIN_M, at.max(1) + SHADOW_MARGIN_M
        shadow_from_world = np.eye(4)
        shadow_from_world[:3, :3] = axes / (high - low)[:, None]
        shadow_from_world[:3, 3] = -low / (high - low)
        clip_from_shadow = np.diag([2.0, 2.0, 2.0, 1.0])
        clip_from_shadow[:3, 3] = -1
        program("shadow")["clip_from_world_of_light"].write(
            (clip_from_shadow @ shadow_from_world).T.astype(np.float32).tobytes()
        )
        ctx.enable_only(ctx.DEPTH_TEST | ctx.CULL_FACE)
        ctx.front_face = "ccw"
        self._target.use()
        self._target.clear(depth=1.0)
        people.render_outline()
        shadow_from_world[2, 3] -= SHADOW_BIAS_M / (high - low)[2]
        return shadow_from_world

    def use(self) -> None:
        self._map.use(TEXTURE_UNITS["shadow"])

    def release(self) -> None:
        self._target.release()
        self._map.release()


def _coarse(mesh: Mesh) -> np.ndarray:
    """Triangles (g, 3) over fewer of the mesh's vertices: those of one cell are drawn as one of them."""
    cells = np.floor(mesh.vertices_m / SHADOW_GRID_M).astype(int)
    _, chosen, cell = np.unique(cells, axis=0, return_index=True, return_inverse=True)
    triangles = chosen[cell.reshape(-1)][mesh.triangles]
    a, b, c = triangles.T
    return triangles[(a != b) & (b != c) & (c != a)]


def _check_uniforms(mesh: Mesh, shadow: bool) -> None:
    made = program(mesh.material, shadow=shadow)
    given = {*mesh.uniforms, *TEXTURE_UNITS, "Frame"}
    missing = sorted(name for name in made if name not in given and type(made[name]).__name__ == "Uniform")
    if missing:
        raise InputError(f"a mesh of {mesh.material} lacks {', '.join(missing)}; its shader wants them as uniforms")
