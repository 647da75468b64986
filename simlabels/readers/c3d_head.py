"""What a .c3d file says of itself, checked before ezc3d reads it: a damaged size makes ezc3d count for minutes, or ends the process."""

from pathlib import Path

from realtime.body.errors import InputError

BLOCK = 512
KEY = 80  # second byte of every .c3d
INTEL, MIPS = 84, 86  # byte orders; DEC is 85
VALUE_BYTES = (1, 2, 4)
MOST_DIMENSIONS = 7


def check_head(path: Path) -> int:
    """Frames that the header announces.

    Raises:
        InputError: no .c3d, or groups and parameters that do not lie in the file.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read as C3D: {error.strerror}") from None
    if len(data) < 2 * BLOCK or data[1] != KEY or data[0] < 2:
        raise InputError(f"{path} cannot be read as C3D: it does not begin as one, or is cut short")
    start = BLOCK * (data[0] - 1)
    try:
        order = "big" if data[start + 3] == MIPS else "little"
        _check_parameters(data, start + 4, order)
    except (IndexError, ValueError):
        raise InputError(f"{path} cannot be read as C3D: its parameters are damaged, or it is cut short") from None
    points, analog, first, last, block = (int.from_bytes(data[at : at + 2], order) for at in (2, 4, 6, 8, 16))
    is_real = data[12 if order == "big" else 15 if data[start + 3] == INTEL else 13] & 0x80  # the scale is negative
    frames, value_bytes = last - first + 1, 4 if is_real else 2
    needed = BLOCK * (block - 1) + frames * (4 * points + analog) * value_bytes
    if len(data) < needed:
        raise InputError(f"{path} announces {frames} frames, {needed} bytes, and holds {len(data)} bytes; it is cut short")
    return frames


def _check_parameters(data: bytes, at: int, order) -> None:
    """Walks from record to record; raises IndexError or ValueError where one leads out of the file.

    A record: bytes in its name (negative: locked), group (positive: of a parameter), name, offset of the next record from here;
    of a parameter also bytes of a value (-1: text), number of dimensions, dimensions, values.
    """
    while (name := _signed(data[at])) != 0:
        here = at + 2 + abs(name)
        step = int.from_bytes(data[here : here + 2], order)
        if _signed(data[at + 1]) > 0:
            size, dimensions = abs(_signed(data[here + 2])), data[here + 3]
            for count in data[here + 4 : here + 4 + dimensions]:
                size *= count
            if abs(_signed(data[here + 2])) not in VALUE_BYTES or dimensions > MOST_DIMENSIONS:
                raise ValueError
            if here + 4 + dimensions + size > len(data):
                raise ValueError
        if step == 0:
            return
        at = here + step


def _signed(byte: int) -> int:
    return byte - 256 if byte > 127 else byte
