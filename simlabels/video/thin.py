"""Fewer triangles for the same shape: half-edge collapses by quadric error (Garland & Heckbert 1997), keeping a subset of the vertices.

A collapse moves nothing: what stays keeps its place in every body, its skin weights and its names. MakeHuman's base mesh spends four
fifths of its triangles on hands, feet and face; a software renderer pays for every triangle that is set up, however small it is.
"""

import heapq

import numpy as np

#: Distance (m) that a whole unit of skin weight carried elsewhere is worth.
_WEIGHT_M = 0.005
#: A triangle may turn so far (cosine) when a corner moves, and its smallest height may be this share of its longest side.
_TURN, _FLAT = 0.3, 0.06


def thinned(points_m: np.ndarray, weights: np.ndarray, triangles: np.ndarray, worth: np.ndarray, count: int) -> np.ndarray:
    """At most `count` triangles (F', 3) over a subset of the same vertices, fewer collapses where the surface allows no more.

    Args:
        points_m: (V, 3) places of the vertices, the mean of all bodies.
        weights: (V, J) skin weights: what moves differently is not merged.
        triangles: (F, 3) of one group.
        worth: (V,) factor on the error of removing a vertex: above one in the face, below one where nobody looks.
    """
    mesh = _Collapsing(points_m, weights, triangles, worth)
    while mesh.count > count and mesh.collapse():
        pass
    return np.array([mesh.faces[f] for f in sorted(mesh.faces)], np.int32).reshape(-1, 3)


class _Collapsing:
    """A mesh that loses vertices, the cheapest first."""

    def __init__(self, points_m: np.ndarray, weights: np.ndarray, triangles: np.ndarray, worth: np.ndarray):
        self.p, self.w, self.worth = points_m.astype(float), weights.astype(float), worth
        self.faces: dict[int, tuple[int, int, int]] = {f: tuple(t) for f, t in enumerate(triangles.tolist())}  # type: ignore[misc]
        self.of: dict[int, set[int]] = {}  # vertex -> its faces
        for f, corners in self.faces.items():
            for v in corners:
                self.of.setdefault(v, set()).add(f)
        self.Q = _quadrics(self.p, triangles, len(points_m))
        self.stamp = dict.fromkeys(self.of, 0)
        self.heap: list[tuple[float, int, int, int, int]] = []
        for v in self.of:
            self._offer(v)

    @property
    def count(self) -> int:
        return len(self.faces)

    def collapse(self) -> bool:
        """Removes one vertex; False when none can go."""
        while self.heap:
            _, v, u, stamp_v, stamp_u = heapq.heappop(self.heap)
            if self.stamp.get(v) != stamp_v or self.stamp.get(u) != stamp_u or not self._allowed(v, u):
                continue
            self._remove(v, u)
            return True
        return False

    def _neighbours(self, v: int) -> set[int]:
        return {u for f in self.of[v] for u in self.faces[f]} - {v}

    def _offer(self, v: int) -> None:
        """Puts all collapses of `v` into a neighbour on the heap."""
        near = list(self._neighbours(v))
        h = np.c_[self.p[near], np.ones(len(near))]
        error = np.einsum("ni,nij,nj->n", h, self.Q[v] + self.Q[near], h)
        far2 = ((self.p[near] - self.p[v]) ** 2).sum(1)
        moved = np.abs(self.w[near] - self.w[v]).sum(1) / 2
        # a little of the length keeps flat regions from being eaten in one corner
        cost = self.worth[v] * (np.maximum(error, 0) + far2 * (moved * _WEIGHT_M) ** 2 + 1e-3 * far2**2)
        for u, c in zip(near, cost.tolist(), strict=True):
            heapq.heappush(self.heap, (c, v, u, self.stamp[v], self.stamp[u]))

    def _allowed(self, v: int, u: int) -> bool:
        """Whether `v` may fall into `u`: the surface stays a surface, rims stay rims, no triangle turns over or becomes a needle."""
        near_v, shared = self._neighbours(v), self.of[v] & self.of[u]
        if len(near_v & self._neighbours(u)) != len(shared) or not shared:
            return False
        if len(self.of[v]) < len(near_v) and len(shared) != 1:  # v lies on a rim: only along it
            return False
        for f in self.of[v] - shared:
            before = self.p[list(self.faces[f])]
            after = self.p[[u if corner == v else corner for corner in self.faces[f]]]
            n0, n1 = _normal(before), _normal(after)
            area2, longest = np.sqrt(n1 @ n1), max(np.sqrt(((after - np.roll(after, 1, 0)) ** 2).sum(1)))
            if n0 @ n1 < _TURN * np.sqrt(n0 @ n0) * area2 or area2 < _FLAT * longest**2:
                return False
        return True

    def _remove(self, v: int, u: int) -> None:
        for f in list(self.of.pop(v)):
            corners = self.faces[f]
            if u in corners:
                del self.faces[f]
                for corner in corners:
                    if corner != v:
                        self.of[corner].discard(f)
            else:
                a, b, c = (u if corner == v else corner for corner in corners)
                self.faces[f] = (a, b, c)
                self.of[u].add(f)
        del self.stamp[v]
        self.Q[u] += self.Q[v]
        self.stamp[u] += 1
        for near in self._neighbours(u):
            self.stamp[near] += 1
        for near in [u, *self._neighbours(u)]:
            self._offer(near)


def _normal(corners: np.ndarray) -> np.ndarray:
    """Twice the area times the unit normal of a triangle (3, 3)."""
    (ax, ay, az), (bx, by, bz) = corners[1] - corners[0], corners[2] - corners[0]
    return np.array([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx])


def _quadrics(points_m: np.ndarray, triangles: np.ndarray, count: int) -> np.ndarray:
    """Sums (V, 4, 4) of squared distance to the planes of the triangles around each vertex, by area; rims get upright planes too."""
    Q = np.zeros((count, 4, 4))
    corners = points_m[triangles]
    n = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area2 = np.linalg.norm(n, axis=1, keepdims=True)
    n /= np.maximum(area2, 1e-12)
    _add_planes(Q, triangles, n, corners[:, 0], area2[:, 0] / 2)
    edges = np.concatenate([triangles[:, [i, (i + 1) % 3]] for i in range(3)])
    normals = np.concatenate([n] * 3)
    _, first, times = np.unique(np.sort(edges, axis=1), axis=0, return_index=True, return_counts=True)
    rim = first[times == 1]
    along = points_m[edges[rim, 1]] - points_m[edges[rim, 0]]
    upright = np.cross(along, normals[rim])
    length = np.linalg.norm(along, axis=1)
    upright /= np.maximum(np.linalg.norm(upright, axis=1, keepdims=True), 1e-12)
    _add_planes(Q, edges[rim], upright, points_m[edges[rim, 0]], length**2)
    return Q


def _add_planes(Q: np.ndarray, corners: np.ndarray, normal: np.ndarray, through: np.ndarray, amount: np.ndarray) -> None:
    plane = np.c_[normal, -(normal * through).sum(1)]
    each = amount[:, None, None] * plane[:, :, None] * plane[:, None, :]
    for column in corners.T:
        np.add.at(Q, column, each)
