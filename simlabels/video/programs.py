"""OpenGL of this process: one context without a screen, and the programs of shaders/, compiled when first wanted."""

from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from realtime.body.errors import BioHumanError
from realtime.body.needs import need

#: Where textures are bound, by the name shaders have for them.
TEXTURE_UNITS = {"noise": 0, "shadow": 1, "tiles": 2}
#: Binding of the block `Frame`.
FRAME_BLOCK = 0

#: What is defined in the shaders of a material: how fine its mottling is (per m); both sides of its triangles are seen.
_MATERIALS = {
    "skin": {"GRAIN": "0.12"},
    "cloth": {"GRAIN": "0.12"},
    "eyes": {"GRAIN": "0.0"},
    "hair": {"GRAIN": "0.0", "TWO_SIDED": "1"},
    "skirt": {"GRAIN": "0.12", "TWO_SIDED": "1"},
}
TWO_SIDED = tuple(name for name, defines in _MATERIALS.items() if "TWO_SIDED" in defines)


@cache
def gl_context() -> Any:
    """The context that all stages of this process share. A GPU where EGL finds one, else Mesa's llvmpipe.

    Raises:
        BioHumanError: moderngl is not installed, or there is no OpenGL over EGL.
    """
    need(("moderngl",), "video")
    import moderngl

    settings: Any = {"backend": "egl"}  # moderngl says that they are dictionaries
    try:
        return moderngl.create_context(standalone=True, require=330, **settings)
    except Exception as error:
        raise BioHumanError(
            f"no OpenGL over EGL ({error}); install it: apt-get install libegl1 libgl1-mesa-dri libgles2 (Debian), or the GPU's driver"
        ) from error


@cache
def program(name: str, *, shadow: bool = False) -> Any:
    """The program of a material of people, of the "scene", or of the "shadow" map; with `shadow` it looks into that map.

    Raises:
        UnknownName: there is no such material.
    """
    defines = _MATERIALS.get(name, {}) | ({"SHADOW": "1"} if shadow else {})
    head = "#version 330\n" + "".join(f"#define {key} {value}\n" for key, value in defines.items()) + _source("frame")
    if name in _MATERIALS:
        vertex, fragment = _source("person.vert"), _source("person.frag") + _source(f"{name}.frag")
    else:
        vertex, fragment = _source(f"{name}.vert"), _source(f"{name}.frag")
    made = gl_context().program(vertex_shader=head + vertex, fragment_shader=head + fragment)
    if "Frame" in made:
        made["Frame"].binding = FRAME_BLOCK
    for texture, unit in TEXTURE_UNITS.items():
        if texture in made:
            made[texture].value = unit
    return made


@cache
def noise() -> Any:
    """A texture of random bytes: looked up it costs a third of noise that is computed."""
    pixels = np.random.default_rng(0).integers(0, 256, (256, 256), dtype=np.uint8)
    return gl_context().texture((256, 256), 1, pixels.tobytes())


def _source(name: str) -> str:
    return (files("simlabels.video") / "shaders" / f"{name}.glsl").read_text()
