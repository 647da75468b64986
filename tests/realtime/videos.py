"""Small videos with known content, and the mp4 boxes to turn, re-time and break them: no tool but OpenCV is needed."""

import struct
from pathlib import Path

import cv2
import numpy as np

from realtime.capture import Picture, Source

BITS = 8
BLOCK_PX = 16
SIZE_PX = (BITS * BLOCK_PX, 96)  # width, height
NESTED = (b"moov", b"trak", b"mdia", b"minf", b"stbl")


def next_of(source: Source) -> Picture:
    """The next picture of a source that has one."""
    picture = source.read()
    assert picture is not None, "the source has ended"
    return picture


def times_s(pictures: list[Picture]) -> np.ndarray:
    """Their presentation times; a missing one fails."""
    assert all(picture.pts_s is not None for picture in pictures)
    return np.array([picture.pts_s for picture in pictures], float)


def numbered_picture(number: int, size_px: tuple[int, int] = SIZE_PX) -> np.ndarray:
    """A picture that says its number: black and white blocks along the upper edge, least bit first; grey below."""
    image = np.full((size_px[1], size_px[0], 3), 100, np.uint8)
    for bit in range(BITS):
        image[:BLOCK_PX, bit * BLOCK_PX : (bit + 1) * BLOCK_PX] = 255 if number >> bit & 1 else 0
    return image


def number_of(image: np.ndarray) -> int:
    """What `numbered_picture` wrote, read back from an upright picture."""
    row = image[BLOCK_PX // 2, BLOCK_PX // 2 :: BLOCK_PX].mean(axis=1)[:BITS]
    return sum(1 << bit for bit in range(BITS) if row[bit] > 128)


def write_video(path: Path, count: int = 30, fps: float = 30.0, *, is_colour: bool = True) -> Path:
    """A video of `numbered_picture` 0 to count - 1."""
    fourcc = cv2.VideoWriter.fourcc(*("MJPG" if path.suffix == ".avi" else "mp4v"))
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, fourcc, fps, SIZE_PX, is_colour)
    assert writer.isOpened()
    for number in range(count):
        picture = numbered_picture(number)
        writer.write(picture if is_colour else picture[..., 0])
    writer.release()
    return path


def boxes(data: bytes) -> list[tuple[bytes, bytes]]:
    """The mp4 boxes of one level: (type, body)."""
    found, at = [], 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        found.append((kind, data[at + 8 : at + size]))
        at += size
    return found


def edited(data: bytes, edits: dict) -> bytes:
    """The boxes of `data` with `edits[type](body) -> (type, body)` done at every depth, and all sizes set right."""
    out = b""
    for kind, body in boxes(data):
        if kind in edits:
            kind, body = edits[kind](body)
        elif kind in NESTED:
            body = edited(body, edits)
        out += struct.pack(">I4s", len(body) + 8, kind) + body
    return out


def set_rotation(path: Path, degrees: int) -> None:
    """Ask players to turn the picture clockwise, as a phone does: the display matrix in the track header."""
    one = 0x10000
    a, b, c, d = {90: (0, one, -one, 0), 180: (-one, 0, 0, -one), 270: (0, -one, one, 0)}[degrees]

    def turn(body: bytes) -> tuple[bytes, bytes]:
        return b"tkhd", body[:40] + struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30) + body[76:]

    path.write_bytes(edited(path.read_bytes(), {b"tkhd": turn}))


def set_durations_ms(path: Path, durations_ms: list[int]) -> None:
    """Give every picture a duration of its own: one entry each in the time-to-sample table, at 1000 ticks a second."""
    table = struct.pack(">II", 0, len(durations_ms)) + b"".join(struct.pack(">II", 1, ms) for ms in durations_ms)

    def retime(body: bytes) -> tuple[bytes, bytes]:
        return b"mdhd", body[:12] + struct.pack(">II", 1000, sum(durations_ms)) + body[20:]

    edits = {b"stts": lambda _: (b"stts", table), b"mdhd": retime, b"edts": lambda body: (b"free", body)}
    path.write_bytes(edited(path.read_bytes(), edits))


def cut_short(path: Path, share: float) -> None:
    """Keep only a share of the pictures' data while the index, moved to the front, still promises all of them."""
    top = dict(boxes(path.read_bytes()))
    index_size = len(top[b"moov"]) + 8
    data_at = len(top[b"ftyp"]) + 8 + index_size + 8
    old_data_at = path.read_bytes().index(b"mdat") + 4

    def shift(body: bytes) -> tuple[bytes, bytes]:
        count = struct.unpack_from(">I", body, 4)[0]
        offsets = struct.unpack_from(f">{count}I", body, 8)
        return b"stco", body[:8] + struct.pack(f">{count}I", *(at - old_data_at + data_at for at in offsets))

    def box(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I4s", len(body) + 8, kind) + body

    whole = box(b"ftyp", top[b"ftyp"]) + edited(box(b"moov", top[b"moov"]), {b"stco": shift}) + box(b"mdat", top[b"mdat"])
    path.write_bytes(whole[: data_at + round(share * len(top[b"mdat"]))])
