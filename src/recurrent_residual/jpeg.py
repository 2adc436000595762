"""JPEGs decoded on the processor: by simplejpeg, or by Pillow where that is not installed (both are libjpeg-turbo).

Either releases the interpreter lock while it decodes, so that threads suffice.
"""

from __future__ import annotations

from io import BytesIO

import numpy as np

try:
    import simplejpeg
except ImportError:
    simplejpeg = None

Jpeg = bytes | memoryview


def size_of(jpeg: Jpeg) -> tuple[int, int]:
    """Height and width in pixels, by the header. Raises `ValueError` when that is damaged."""
    if simplejpeg is not None:
        height, width, _, _ = simplejpeg.decode_jpeg_header(jpeg)
        return height, width
    from PIL import Image

    try:
        with Image.open(BytesIO(jpeg), formats=["JPEG"]) as image:
            return image.height, image.width
    except OSError as error:
        raise ValueError(str(error)) from error


def decode_into(jpeg: Jpeg, out: np.ndarray) -> None:
    """Decode to RGB straight into `out`, (H, W, 3) uint8 and contiguous.

    Raises `ValueError` when the JPEG is damaged or cut short, or is of another size.
    """
    height, width = size_of(jpeg)
    if (height, width, 3) != out.shape:
        raise ValueError(f"{width}x{height} pixels where {out.shape[1]}x{out.shape[0]} are expected")
    if simplejpeg is not None:
        simplejpeg.decode_jpeg(jpeg, "RGB", buffer=out)
        return
    from PIL import Image

    try:
        with Image.open(BytesIO(jpeg), formats=["JPEG"]) as image:
            out[:] = np.asarray(image.convert("RGB"))
    except OSError as error:
        raise ValueError(str(error)) from error
