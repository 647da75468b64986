"""Long work in a log file: a line a minute, and what was left out at once."""

from simlabels import progress
from simlabels.progress import LINE_EVERY_S, ItemProgress


def test_a_log_gets_a_line_a_minute(capsys, monkeypatch):
    now = 0.0
    monkeypatch.setattr(progress, "monotonic", lambda: now)
    with ItemProgress("takes") as shown:
        shown.start(40, 4)
        for i in range(12):
            now += LINE_EVERY_S / 4
            shown.advance(f"take{i}", 150, error="take5: no floor" if i == 5 else None)
        said = capsys.readouterr().err.splitlines()
    assert [line.partition(", 0:")[0] for line in said] == [
        "8 of 40 takes, 10 frames/s",
        "biohuman-labels: left out: take5: no floor",
        "12 of 40 takes, 10 frames/s",
        "16 of 40 takes, 10 frames/s",
    ]
