"""The page of all muscles, made from the muscle table: python -m realtime.body.muscle_page > docs/muscles.md"""

import csv
from collections.abc import Iterable
from importlib.resources import files

from .muscles import group_names, muscle_table

#: Joints of the simulated body in words.
MOVES = {
    "flex_extension": "lumbar flexion",
    "lat_bending": "lumbar bending",
    "axial_rotation": "lumbar rotation",
    "hip_flexion": "hip flexion",
    "hip_adduction": "hip adduction",
    "hip_rotation": "hip rotation",
    "knee_angle": "knee flexion",
    "ankle_angle": "ankle flexion",
    "subtalar_angle": "inversion",
    "mtp_angle": "toe flexion",
    "elv_angle": "plane of arm elevation",
    "shoulder_elv": "arm elevation",
    "shoulder_rot": "arm rotation",
    "elbow_flex": "elbow flexion",
    "pro_sup": "forearm rotation",
    "deviation": "wrist deviation",
    "flexion": "wrist flexion",
}

HEAD = """# The 354 muscles

Generated from `realtime/body/muscles.csv` by `python -m realtime.body.muscle_page`; a test compares the two.

The order of this table is the order of every activation array: on the wire, in files, in the labels. Names are those of the
simulated body (`myofullbody`): trunk and legs end in `_r` or `_l`, arms in nothing (right) or `_left`. Anatomical muscles
that fan out are several lines of action (the erector spinae alone 76), so use the groups unless you know what you want:
`group_mean` on the wire is the mean of each group, in the order of `meta.groups`. `biohuman-labels body` prints the table with
the muscles' parameters; how far their paths and fibres are from OpenSim's: [body.md](body.md).

## What a number means

- **0.3 is 30 % of what that muscle can be excited to**, as a simulation shares the joint torques of the movement among the
  muscles with the least total of squared activation. 0.01 is the floor: not "switched off", but "not needed".
- It is **not EMG**, and not a force: the same activation gives less force in a short or fast-shortening muscle.
- **Antagonists are underestimated**: the simulation tightens no joint without need, people do (fear, cold, precision, pain).
- **Left and right share what both feet carry** by the model's guess: a single camera cannot see who presses harder.
- Believe a muscle only where `activation_valid` says that its limb is in the picture, and within `activation_sigma`.
- Not for diagnosis, not for loads at work, not for return-to-sport decisions. Nothing here is validated on patients.
"""


def page() -> str:
    """The whole page."""
    text = (files("realtime.body") / "muscles.csv").read_text()
    rows = list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))
    moves = [_moves(row["main_joints"]) for row in rows]
    by_group: dict[str, list[int]] = {}
    for muscle in muscle_table():
        by_group.setdefault(f"{muscle.region} | {muscle.group}", []).append(muscle.index)
    groups = [
        f"| {name} | {len(indices) // 2} | {_first(dict.fromkeys(m for i in indices for m in moves[i]), 3)} |"
        for name, indices in by_group.items()
    ]
    table = [
        f"| {m.index} | `{m.name}` | {'left' if m.side == 'l' else 'right'} | {m.group} | {', '.join(moves[m.index])} |"
        for m in muscle_table()
    ]
    return "\n".join(
        [
            HEAD,
            f"## Groups\n\nEach exists twice, `_l` and `_r`: {len(group_names())} in all.\n",
            "| region | group | lines of action a side | moves most |\n| --- | --- | ---: | --- |",
            *groups,
            "\n## Muscles\n\n| index | name | side | group | moves most |\n| ---: | --- | --- | --- | --- |",
            *table,
            "",
        ]
    )


def _moves(joints: str) -> list[str]:
    """Names in words; some lie between vertebrae that the simulated body keeps stiff."""
    return [MOVES[joint.removesuffix("_r").removesuffix("_l")] for joint in joints.split()] or ["no joint that moves here"]


def _first(words: Iterable[str], count: int) -> str:
    words = list(words)
    return ", ".join([w for w in words if not w.startswith("no joint")][:count]) or words[0]


if __name__ == "__main__":
    print(page(), end="")
