"""What the README says is what there is."""

import re
from pathlib import Path

from realtime.cli import build_parser
from simlabels.cli import build_parser as build_labels_parser
from trainer.cli import build_parser as build_train_parser

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_the_ten_lines_are_the_example_that_a_test_runs():
    block = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert block is not None
    example = (ROOT / "examples" / "subscriber.py").read_text()
    assert block.group(1) == example.split("\n", 1)[1]  # less its first line, a comment


def test_every_link_of_ours_leads_somewhere():
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    links = [(page, link) for page in pages for link in re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text())]
    assert links
    assert [str(link) for page, link in links if not (page.parent / link).exists()] == []


def test_every_command_shown_is_one():
    """Parses the documented commands: a renamed option breaks here, not at a reader's desk."""
    parsers = {"biohuman": build_parser(), "biohuman-labels": build_labels_parser(), "biohuman-train": build_train_parser()}
    pages = [README, *(p.read_text() for p in (ROOT / "docs").glob("*.md"))]
    lines = [line for page in pages for block in re.findall(r"```\n(.*?)```", page, re.DOTALL) for line in block.splitlines()]
    commands = [line.split("#")[0].split() for line in lines if line.split("#")[0].split(" ")[0] in parsers]
    assert len(commands) >= 8
    for name, *arguments in commands:
        parsers[name].parse_args(arguments)
