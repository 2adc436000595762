"""Protects the pixels: a JPEG becomes what libjpeg makes of it, in place, or an error; never a half picture."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from recurrent_residual import jpeg


@pytest.fixture(params=["simplejpeg", "Pillow"])
def decoder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Either library; Pillow is used where the other is not installed."""
    if request.param == "Pillow":
        monkeypatch.setattr(jpeg, "simplejpeg", None)
    elif jpeg.simplejpeg is None:
        pytest.skip("simplejpeg is not installed")
    return request.param


def picture(height: int = 24, width: int = 33) -> tuple[bytes, np.ndarray]:
    """A JPEG of smooth colours with some noise, and what Pillow makes of it."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:height, :width]
    pixels = np.stack([x * 7, y * 9, 255 - x * 3 - y], axis=2) + rng.integers(0, 20, (height, width, 3))
    file = BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=95, subsampling="4:2:0")
    return file.getvalue(), np.asarray(Image.open(file).convert("RGB"))


def test_pixels_are_written_where_they_are_to_stand(decoder: str) -> None:
    """Both libraries give the same, into one picture of a batch, and touch no other."""
    data, expected = picture()
    batch = np.full((3, 24, 33, 3), 7, np.uint8)
    jpeg.decode_into(memoryview(data), batch[1])
    assert np.array_equal(batch[1], expected)
    assert (batch[[0, 2]] == 7).all()
    assert jpeg.size_of(memoryview(data)) == (24, 33)


@pytest.mark.parametrize("length", [0, 3, 100, 0.5, 0.98])
def test_a_damaged_jpeg_is_an_error(decoder: str, length: float) -> None:
    data, _ = picture()
    cut = data[: int(length * len(data)) if isinstance(length, float) else length]
    with pytest.raises(ValueError):
        jpeg.decode_into(cut, np.empty((24, 33, 3), np.uint8))


@pytest.mark.parametrize("shape", [(24, 32, 3), (23, 33, 3), (48, 33, 3)])
def test_a_picture_of_another_size_is_an_error(decoder: str, shape: tuple[int, ...]) -> None:
    """Larger room would be filled at its start, and look like a frame."""
    with pytest.raises(ValueError, match="33x24 pixels"):
        jpeg.decode_into(picture()[0], np.empty(shape, np.uint8))
