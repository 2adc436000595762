"""Small pictures for a page: a network's view of a frame, and a map laid over it."""

from __future__ import annotations

import base64
from io import BytesIO

import numpy as np
from matplotlib import colormaps
from PIL import Image
from torch import Tensor

from recurrent_residual.views import IMAGENET_MEAN, IMAGENET_STD

SIDE = 160
"""Pixels of a picture's side, whatever the network's view has."""
QUALITY = 70
COLOURS = "inferno"  # lightness grows with the value: it reads alike for colour-blind readers, and in print
OPAQUE = 0.75  # share of the colour where a map is largest; where it is 0 the frame stays as it is


def picture_of(view: Tensor) -> np.ndarray:
    """(3, S, S), normalised as `views.take_views` does -> (SIDE, SIDE, 3) uint8."""
    mean, std = np.array(IMAGENET_MEAN), np.array(IMAGENET_STD)
    pixels = view.permute(1, 2, 0).float().cpu().numpy() * std + mean
    return np.asarray(_resized(Image.fromarray((pixels * 255).round().clip(0, 255).astype(np.uint8))))


def overlay(picture: np.ndarray, values: Tensor) -> np.ndarray:
    """Lay a map (h, w) of values in 0..1 over a picture (SIDE, SIDE, 3) uint8, whose own colours are taken away."""
    grey = np.asarray(Image.fromarray(picture).convert("L"), dtype=float)[..., None]
    large = np.asarray(_resized(Image.fromarray(values.float().numpy()))).clip(0, 1)  # (SIDE, SIDE)
    colour = 255 * colormaps[COLOURS](large)[..., :3]
    share = OPAQUE * large[..., None]
    return (grey * (1 - share) + colour * share).round().astype(np.uint8)


def jpeg_of(picture: np.ndarray) -> str:
    """A picture (H, W, 3) uint8 as JPEG, base64."""
    content = BytesIO()
    Image.fromarray(picture).save(content, "JPEG", quality=QUALITY, optimize=True)
    return base64.b64encode(content.getvalue()).decode()


def _resized(image: Image.Image) -> Image.Image:
    return image.resize((SIDE, SIDE), Image.Resampling.BILINEAR)
