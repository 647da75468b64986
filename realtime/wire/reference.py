"""The reference page of the wire, made from the message types: python -m realtime.wire.reference > docs/wire.md"""

import inspect
import re

from .messages import (
    ARRAYS,
    AXES,
    DEFAULT_ADDRESS,
    WIRE_VERSION,
    Activation,
    Mesh,
    MeshInfo,
    Meta,
    Pose,
    Status,
    mesh_arrays,
)

TOPICS = {
    "meta": Meta,
    "status": Status,
    "pose/<track>": Pose,
    "activation/<track>": Activation,
    "mesh/<track>": Mesh,
    "mesh/info": MeshInfo,
}

#: Sizes that only the user's body file decides, as they stand on the page.
OPEN_SIZES = {-1: "V", -2: "F"}
DTYPES = {"<f4": "float32", "|b1": "flags of one byte", "<u4": "uint32"}

HEAD = f"""# The wire, version {WIRE_VERSION}

Generated from `realtime/wire/messages.py` by `python -m realtime.wire.reference`; a test compares the two.

`biohuman track` listens on `{DEFAULT_ADDRESS}` (`--bind`). Any ZeroMQ SUB socket can connect. A message has two parts: the
topic, and a [MessagePack](https://msgpack.org) map. Subscription is by prefix of the topic: `pose/` gives the poses of all
tracks, the empty prefix gives everything.

- **Axes.** {AXES}.
- **Arrays** are MessagePack `bin`: little-endian in C order, float32 where nothing else is said. `meta.arrays` gives dtype, shape, unit
  and meaning of each.
  Python: `numpy.frombuffer(b, "<f4").reshape(shape)`. JavaScript (`@msgpack/msgpack`), for a bin field `u`:
  `new Float32Array(u.buffer.slice(u.byteOffset, u.byteOffset + u.byteLength))`.
- **Times** `t_*_ns` are the publishing host's monotonic clock (`time.monotonic_ns()` in Python), the same for all programs of
  one host; `meta.clock_offset_us` turns them into wall time. `t_capture_ns` is stamped when the grab returned. `pts_s` is a
  file's own presentation time.
- **States.** `lost`: nobody is seen, all numbers are NaN. `warming`: fewer than 10 frames since the person was (re)acquired; the
  origin of the world still settles during the first of them. `tracking`: to be believed, as far as the sigmas say, for
  what the picture shows: `joint_valid`, `activation_valid` and `doubts` tell what it does not show, which is a guess.
- **Delivery.** Cameras and streams: a subscriber that does not keep up misses frames (gaps in `seq`), nobody waits for it;
  whatever was held up should drop frames by age (`t_capture_ns`). Files: every connected subscriber gets every frame; one that
  takes nothing for 5 s is no longer waited for. One that was there before the publisher connects within 0.1 s of its start, and may miss
  the first frame or two.
- **SMPL body.** Only with `--smpl-body FILE` there is `mesh/`, and betas are the person's; see `docs/smpl.md`. V and F are the number
  of vertices and faces of that file (SMPL: 6,890 and 13,776). Subscribe to `mesh/` for both the frames and what they are made of.
- **Change.** Ignore fields and topics you do not know. New fields come with the same version; a removed or re-typed one raises it.
- A subscriber in ten lines: `examples/subscriber.py`.
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for topic, kind in TOPICS.items():
        parts.append(
            f"## `{topic}`\n\n{inspect.getdoc(kind)}\n\n| field | type | meaning |\n| --- | --- | --- |\n{_rows(kind)}\n"
        )
    return "\n".join(parts)


def _rows(kind: type) -> str:
    comments, arrays = _comments(kind), ARRAYS | mesh_arrays(-1, -2)
    tag = kind.__struct_config__.tag  # type: ignore[attr-defined]
    rows = [f'| `type` | str | always "{tag}" |']
    for name, annotation in inspect.get_annotations(kind).items():
        if name in arrays:
            spec = arrays[name]
            shape = " x ".join(str(OPEN_SIZES.get(n, n)) for n in spec.shape)
            unit = f", {spec.unit}" if spec.unit else ""
            only = "; empty without `--mesh`" if name in ("vertices_m", "faces") else ""
            rows.append(f"| `{name}` | bin, {shape} {DTYPES[spec.dtype]}{unit} | {spec.meaning}{only} |")
        else:
            rows.append(f"| `{name}` | {_type_name(annotation)} | {comments.get(name, '')} |")
    return "\n".join(rows)


def _type_name(annotation: object) -> str:
    name = annotation.__name__ if isinstance(annotation, type) and not hasattr(annotation, "__args__") else str(annotation)
    return re.sub(r"\b\w+(\.\w+)*\.ArraySpec", "[dtype, shape, unit, meaning]", name).replace("|", "or").replace("None", "nil")


def _comments(kind: type) -> dict[str, str]:
    """The comment behind each field of the class, which is its meaning on this page."""
    lines = inspect.getsource(kind).splitlines()
    found = (re.match(r"\s+(\w+): [^#]*#\s*(.*)", line) for line in lines)
    return {m.group(1): m.group(2).replace("|", "\\|") for m in found if m}


if __name__ == "__main__":
    print(page(), end="")
