"""Prints results as tables a person can read."""

from itertools import pairwise

from rich.console import Console
from rich.table import Table

COLUMNS = {
    "mpjpe_mm": ("MPJPE mm", 1),
    "pa_mpjpe_mm": ("PA mm", 1),
    "accel_error_m_s2": ("accel m/s2", 1),
    "delay_ms": ("delay ms", 0),
    "pcc": ("PCC", 3),
    "rmse": ("RMSE", 4),
    "nrmse": ("nRMSE", 3),
    "active_mae": ("active MAE", 3),
    "grf_rmse_BW": ("GRF rmse BW", 3),
}


def print_rows(result: dict) -> None:
    """The table of `evaluate`."""
    found = f"{result['frames_detected']} of {result['frames']} frames detected"
    left_out = f"{len(result['takes_left_out'])} left out: too short, or the person found in less than half"
    title = f"{result['split']}: {result['takes']} takes ({left_out}), {found}"
    table = Table(title=title)
    table.add_column("row")
    for head, _ in COLUMNS.values():
        table.add_column(head, justify="right")
    for name, row in result["rows"].items():
        cells = ["-" if row[key] is None else f"{row[key]:.{digits}f}" for key, (_, digits) in COLUMNS.items()]
        table.add_row(name, *cells)
    Console(width=170).print(table)
    _print_bands(result)
    _print_clips(result)


def _print_bands(result: dict) -> None:
    """PA by how far the front end's landmarks are off: what is due to it, and what to the model."""
    key, edges = "pa_mpjpe_mm_by_image_error", result["image_error_bands_pct"]
    names = [f"< {edges[0]:g} %", *(f"{a:g}-{b:g} %" for a, b in pairwise(edges)), f"> {edges[-1]:g} %"]
    table = Table(title="PA mm by the error of the 12 limb landmarks in the picture, % of stature")
    table.add_column("row")
    for name, frames in zip(names, result["frames_by_image_error"], strict=True):
        table.add_column(f"{name} ({frames} frames)", justify="right")
    for name, row in result["rows"].items():
        if key in row:
            table.add_row(name, *("-" if v is None else f"{v:.1f}" for v in row[key]))
    Console(width=170).print(table)


def _print_clips(result: dict) -> None:
    """The same errors clip by clip."""
    rows = {name: row["clips"] for name, row in result["rows"].items() if row.get("clips")}
    clips = list(dict.fromkeys(clip for of_row in rows.values() for clip in of_row))
    table = Table(title="clip by clip: MPJPE mm / PA mm / PCC")
    table.add_column("row")
    for clip in clips:
        table.add_column(clip, justify="right")
    for name, of_row in rows.items():
        table.add_row(name, *(" / ".join(_cells(of_row.get(clip, {}))) for clip in clips))
    Console(width=200).print(table)


def _cells(errors: dict) -> list[str]:
    digits = {"mpjpe_mm": 0, "pa_mpjpe_mm": 0, "pcc": 2}
    return ["-" if errors.get(key) is None else f"{errors[key]:.{n}f}" for key, n in digits.items()]


def print_video(result: dict) -> None:
    """The table of `evaluate --video`."""
    rows = result["pa12_mm"]
    table = Table(title=f"PA over 12 joints, mm, against {result['reference']}")
    table.add_column("row")
    for camera in next(iter(rows.values())):
        table.add_column(camera, justify="right")
    for name, row in rows.items():
        table.add_row(name, *(f"{v:.1f}" for v in row.values()))
    Console(width=120).print(table)
