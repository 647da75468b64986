"""Many small pictures on one: for a person to look at what a set of numbers cannot say."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from realtime.body.errors import BioHumanError, InputError, ShapeError
from realtime.body.needs import how_to_install

SHEET_NAME, VIDEO_FOLDER, VIDEO_SUFFIX = "contact.jpg", "video", ".mp4"
COLUMNS, TILE_PX, CAPTION_PX = 6, (240, 180), 16
MOST_TILES = 48
_JPEG_QUALITY = 85


def contact_sheet(pictures: Sequence[np.ndarray], captions: Sequence[str]) -> bytes:
    """A JPEG of all pictures, six in a row, each with its caption under it.

    Args:
        pictures: (H, W, 3) uint8, blue green red as cameras and OpenCV give them; scaled to fit 240 x 180 px.
        captions: one a picture; what does not fit is cut off.

    Raises:
        ShapeError: no picture, one of another shape or type, or another number of captions.
    """
    if not pictures or len(pictures) != len(captions):
        raise ShapeError(f"a contact sheet needs pictures, each with a caption; got {len(pictures)} and {len(captions)}")
    try:
        from PIL import Image, ImageDraw, ImageFont, ImageOps
    except ImportError as error:
        raise BioHumanError(how_to_install("pillow", "labels")) from error
    width, height = TILE_PX
    rows = -(-len(pictures) // COLUMNS)
    sheet = Image.new("RGB", (min(COLUMNS, len(pictures)) * width, rows * (height + CAPTION_PX)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    for i, (picture_bgr, caption) in enumerate(zip(pictures, captions, strict=True)):
        if picture_bgr.ndim != 3 or picture_bgr.shape[2] != 3 or picture_bgr.dtype != np.uint8:
            raise ShapeError(f"a picture is (H, W, 3) uint8, got {picture_bgr.shape} {picture_bgr.dtype}")
        row, column = divmod(i, COLUMNS)
        tile = ImageOps.pad(Image.fromarray(np.ascontiguousarray(picture_bgr[..., ::-1])), TILE_PX, color="white")
        x, y = column * width, row * (height + CAPTION_PX)
        sheet.paste(tile, (x, y))
        draw.text((x + 3, y + height + 1), _fitting(caption, width - 6, font), fill="black", font=font)
    out = io.BytesIO()
    sheet.save(out, "JPEG", quality=_JPEG_QUALITY)
    return out.getvalue()


def _fitting(text: str, width_px: int, font) -> str:
    text = " ".join(text.split())
    while text and font.getlength(text) > width_px:
        text = text[:-1]
    return text


def sheet_of(folder: Path, takes: Sequence[str]) -> bytes | None:
    """The contact sheet of a dataset: its contact.jpg, else the middle frames of the videos kept of its takes; None without.

    Raises:
        InputError: contact.jpg or a video cannot be read.
    """
    ready = folder / SHEET_NAME
    if ready.is_file():
        try:
            return ready.read_bytes()
        except OSError as error:
            raise InputError(f"{ready} cannot be read: {error.strerror}; remove it and inspect again") from error
    kept = [path for take in takes if (path := folder / VIDEO_FOLDER / f"{take}{VIDEO_SUFFIX}").is_file()]
    if not kept:
        return None
    from ..video.kept import middle_frame

    chosen = [kept[i] for i in np.unique(np.linspace(0, len(kept) - 1, min(len(kept), MOST_TILES)).round().astype(int))]
    return contact_sheet([middle_frame(path) for path in chosen], [path.stem for path in chosen])
