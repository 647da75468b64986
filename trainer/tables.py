"""Prints results as tables a person can read."""

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
    title = f"{result['split']}: {result['takes']} takes, {result['frames_detected']} of {result['frames']} frames detected"
    table = Table(title=title)
    table.add_column("row")
    for head, _ in COLUMNS.values():
        table.add_column(head, justify="right")
    for name, row in result["rows"].items():
        cells = ["-" if row[key] is None else f"{row[key]:.{digits}f}" for key, (_, digits) in COLUMNS.items()]
        table.add_row(name, *cells)
    Console(width=170).print(table)


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
