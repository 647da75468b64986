from pathlib import Path

from realtime.body import muscle_page
from realtime.body.muscles import muscle_table


def test_the_page_is_the_table():
    page = muscle_page.page()
    assert (Path(__file__).parents[2] / "docs" / "muscles.md").read_text() == page
    for muscle in muscle_table():
        assert f"| {muscle.index} | `{muscle.name}` |" in page
