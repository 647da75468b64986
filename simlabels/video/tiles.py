"""Textures of floors, walls, plants and skies: squares that repeat, drawn on the CPU once a scene, encoded as the stage shows them."""

from collections.abc import Callable

import numpy as np

from realtime.capture.opencv import load_cv2

SIDE = 256

_Y, _X = np.mgrid[:SIDE, :SIDE] / SIDE


class Tiles:
    """Draws a texture when it is first asked for, and knows its layer from then on."""

    def __init__(self, rng: np.random.Generator):
        self._rng = rng
        self._layers: dict[str, np.ndarray] = {}

    def layer(self, name: str) -> int:
        """The layer of a texture of `TEXTURES`."""
        if name not in self._layers:
            linear = np.asarray(TEXTURES[name](self._rng))
            rgb = linear if linear.ndim == 3 else np.repeat(linear[..., None], 3, axis=-1)
            self._layers[name] = np.rint(255 * np.sqrt(rgb.clip(0, 1))).astype(np.uint8)
        return list(self._layers).index(name)

    def array(self) -> np.ndarray:
        """All that were asked for: (layers, SIDE, SIDE, 3) uint8."""
        return np.stack(list(self._layers.values()))


def _clouds(rng: np.random.Generator, cells: int, across: int = 1, down: int = 1) -> np.ndarray:
    """Soft noise that repeats, four octaves, about 0..1."""
    cv2 = load_cv2()
    out = np.zeros((SIDE, SIDE), np.float32)
    for octave in range(4):
        rows, columns = max(2, cells * down * 2**octave), max(2, cells * across * 2**octave)
        bordered = np.pad(rng.random((rows, columns)).astype(np.float32), 1, mode="wrap")
        tall, wide = SIDE / rows, SIDE / columns
        large = cv2.resize(bordered, (round(SIDE + 2 * wide), round(SIDE + 2 * tall)), interpolation=cv2.INTER_LINEAR)
        out += large[round(tall) :, round(wide) :][:SIDE, :SIDE] * 0.5 ** (octave + 1)
    return out


def _plain(rng: np.random.Generator) -> np.ndarray:
    return 0.85 + 0.12 * _clouds(rng, 2)


def _wood(rng: np.random.Generator) -> np.ndarray:
    boards = int(rng.integers(3, 7))
    board = (_Y * boards).astype(int) % boards
    gaps = (_Y * boards) % 1 > 0.96
    return 0.6 + 0.35 * _clouds(rng, 2, 1, 6) + 0.15 * rng.random(boards)[board] - 0.3 * gaps


def _squares(rng: np.random.Generator) -> np.ndarray:
    n = int(rng.integers(1, 5))
    joints = ((_X * n) % 1 > 0.96) | ((_Y * n) % 1 > 0.96)
    checks = rng.choice([0.0, 0.5], p=[0.7, 0.3]) * (((_X * n).astype(int) + (_Y * n).astype(int)) % 2)
    return 0.8 + 0.12 * _clouds(rng, 4) - 0.3 * joints - (checks if n % 2 == 0 else 0)


def _brick(rng: np.random.Generator) -> np.ndarray:
    rows = (_Y * 8).astype(int) % 8
    along = _X * 4 + 0.5 * (rows % 2)
    mortar = (along % 1 > 0.95) | ((_Y * 8) % 1 > 0.9)
    return 0.5 + 0.35 * rng.random((8, 4))[rows, along.astype(int) % 4] + 0.1 * _clouds(rng, 8) - 0.25 * mortar


def _paper(rng: np.random.Generator) -> np.ndarray:
    waves = np.sin(2 * np.pi * _X * rng.integers(1, 9)) * np.cos(2 * np.pi * _Y * rng.integers(0, 7))
    return 0.78 + 0.18 * waves + 0.05 * _clouds(rng, 4)


def _carpet(rng: np.random.Generator) -> np.ndarray:
    return 0.55 + 0.25 * rng.random((SIDE, SIDE)) + 0.2 * _clouds(rng, 3)


def _rug(rng: np.random.Generator) -> np.ndarray:
    from_edge = np.minimum(np.minimum(_X, 1 - _X), np.minimum(_Y, 1 - _Y))
    inks = rng.uniform(0.1, 0.9, (5, 3))
    bands = np.digitize(from_edge, np.sort(rng.uniform(0.02, 0.4, 4)))
    return inks[bands] * (0.8 + 0.3 * rng.random((SIDE, SIDE, 1)))


def _art(rng: np.random.Generator) -> np.ndarray:
    cv2 = load_cv2()
    blots = rng.random((int(rng.integers(3, 9)), int(rng.integers(3, 9)), 3)).astype(np.float32)
    how = (cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_CUBIC)[int(rng.integers(3))]
    return cv2.resize(blots, (SIDE, SIDE), interpolation=how) * (0.6 + 0.5 * _clouds(rng, 4))[..., None]


def _window(rng: np.random.Generator) -> np.ndarray:
    sky = np.array([0.75, 0.88, 1.0]) * (0.75 + 0.25 * _Y[..., None])
    land = np.array([0.25, 0.35, 0.2]) * (0.6 + 0.8 * _clouds(rng, 6))[..., None]
    view = np.where(((_Y - 0.25 * _clouds(rng, 3)) < 0.25)[..., None], land, sky)
    panes = int(rng.integers(1, 4))
    frame = ((_X * panes + 0.03) % 1 < 0.06) | (_Y < 0.03) | (_Y > 0.97) | (abs(_Y - 0.6) < 0.015)
    return np.where(frame[..., None], 0.8, view)


def _books(rng: np.random.Generator) -> np.ndarray:
    shelves, spines = 5, 30
    edges = np.sort(rng.random((shelves, spines)), axis=1)
    inks = rng.uniform(0.03, 0.8, (shelves, spines + 1, 3))
    heights = rng.uniform(0.55, 0.9, (shelves, spines + 1))
    out = np.empty((SIDE, SIDE, 3))
    for row in range(SIDE):
        shelf, up = divmod(row * shelves / SIDE, 1)
        book = np.searchsorted(edges[int(shelf)], _X[0])
        out[row] = np.where((up < heights[int(shelf), book])[:, None], inks[int(shelf), book], 0.05) if up > 0.08 else 0.45
    return out


def _grass(rng: np.random.Generator) -> np.ndarray:
    blades = 0.35 * rng.random((SIDE, SIDE)) + 0.35 + 0.4 * (_clouds(rng, 3) - 0.3)
    return blades[..., None] * (1 + 0.25 * (_clouds(rng, 2)[..., None] - 0.4) * [1.5, 0.5, -0.5])


def _asphalt(rng: np.random.Generator) -> np.ndarray:
    return 0.6 + 0.2 * rng.random((SIDE, SIDE)) + 0.25 * (_clouds(rng, 2) - 0.4)


def _sand(rng: np.random.Generator) -> np.ndarray:
    return 0.75 + 0.12 * rng.random((SIDE, SIDE)) + 0.3 * (_clouds(rng, 6, 1, 2) - 0.45)


def _sky(rng: np.random.Generator) -> np.ndarray:
    cover = rng.uniform(0.2, 0.6)
    cloud = ((_clouds(rng, 2, 1, 2) - cover) * 4).clip(0, 1)
    return 0.62 + 0.38 * cloud[..., None] * [1.0, 0.95, 0.85]


def _foliage(rng: np.random.Generator) -> np.ndarray:
    return 0.25 + 0.5 * rng.random((SIDE, SIDE)) * _clouds(rng, 8) * 2 + 0.2 * _clouds(rng, 16)


def _facade(rng: np.random.Generator) -> np.ndarray:
    """One storey, 3 m a side: a window or two in a wall."""
    n = int(rng.integers(1, 3))
    across = (_X * n) % 1
    pane = (abs(across - 0.5) < 0.22) & (abs(_Y - 0.55) < 0.24)
    frame = (abs(across - 0.5) < 0.26) & (abs(_Y - 0.55) < 0.27)
    wall = 0.75 + 0.2 * _clouds(rng, 8)
    return np.where(pane, 0.12 + 0.2 * _Y, np.where(frame, 0.95, wall))


def _planks(rng: np.random.Generator) -> np.ndarray:
    n = int(rng.integers(5, 10))
    return 0.55 + 0.3 * rng.random(n)[(_X * n).astype(int) % n] + 0.1 * _clouds(rng, 2, 6, 1) - 0.5 * ((_X * n) % 1 > 0.88)


#: Linear brightness or colour (SIDE, SIDE[, 3]); row 0 is the lower edge.
TEXTURES: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "plain": _plain,
    "wood": _wood,
    "squares": _squares,
    "brick": _brick,
    "paper": _paper,
    "carpet": _carpet,
    "rug": _rug,
    "art": _art,
    "window": _window,
    "books": _books,
    "grass": _grass,
    "asphalt": _asphalt,
    "sand": _sand,
    "sky": _sky,
    "foliage": _foliage,
    "facade": _facade,
    "planks": _planks,
}
