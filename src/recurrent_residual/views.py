"""What a network sees of a frame: resize, crop, flip and normalisation, in one resampling for a whole batch."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

# Of the images on which torchvision's weights were trained, for RGB in 0..1 (torchvision, ImageClassification).
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class ViewSettings:
    """The `input` section of the configuration; all lengths in pixels of the resized frame."""

    resize: tuple[int, int]
    """Width and height to which every frame is resized before it is cropped."""
    size: int
    """Side of the square that the network gets, and of the centre crop at test time."""
    crop_sides: tuple[int, ...]
    """Sides of the training crops; width and height are drawn independently."""
    flip: bool
    """Mirror half of the training chunks from left to right."""

    @classmethod
    def of(cls, settings: dict) -> ViewSettings:
        """From the validated `input` section."""
        return cls(tuple(settings["resize"]), settings["size"], tuple(settings["crop_sides"]), settings["flip"])


def training_windows(count: int, settings: ViewSettings, generator: torch.Generator) -> Tensor:
    """Draw a window for each of `count` chunks; all frames of a chunk share it, so that they stay aligned.

    Crop sides are drawn independently for width and height, the place is one of the four corners or the centre, and
    half are mirrored (squirrel's augmentation, except that it draws for each frame).

    Returns:
        (count, 4): centre x, centre y, width, height as shares of the frame; a negative width mirrors.
    """
    resized = torch.tensor(settings.resize, dtype=torch.float32)
    sides = torch.tensor(settings.crop_sides, dtype=torch.float32)
    extent = sides[torch.randint(len(sides), (count, 2), generator=generator)] / resized
    places = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.5, 0.5]])
    place = places[torch.randint(len(places), (count,), generator=generator)]
    centre = extent / 2 + place * (1 - extent)
    mirrored = torch.rand(count, generator=generator) < (0.5 if settings.flip else 0.0)
    extent[:, 0] = torch.where(mirrored, -extent[:, 0], extent[:, 0])
    return torch.cat([centre, extent], dim=1)


def test_window(settings: ViewSettings) -> Tensor:
    """The centre crop of `size` of the resized frame, not mirrored: (4,) as `training_windows` gives them."""
    extent = settings.size / torch.tensor(settings.resize, dtype=torch.float32)
    return torch.cat([torch.tensor([0.5, 0.5]), extent])


def take_views(frames: Tensor, windows: Tensor, size: int) -> Tensor:
    """Cut a window out of every frame, resample it bilinearly to `size` x `size`, and normalise.

    Resizing and cropping are one resampling, which shrinks by less than two (see `views_of`) and so needs no smoothing
    first.

    Args:
        frames: (B, T, 3, H, W) uint8 or float in 0..255, in any order in memory, on the device that is to do the work.
        windows: (B, 4), as `training_windows` gives them.

    Returns:
        (B, T, 3, size, size) float32.
    """
    windows = windows.to(frames.device, non_blocking=True)
    centre, extent = windows[:, :2], windows[:, 2:]
    # A row of theta an axis: [width, 0, 2x - 1], [0, height, 2y - 1].
    theta = torch.cat([torch.diag_embed(extent), (2 * centre - 1)[:, :, None]], dim=2)
    grid = F.affine_grid(theta, [len(windows), 1, size, size], align_corners=False)  # (B, size, size, 2)
    grid = grid[:, None].expand(-1, frames.shape[1], -1, -1, -1).flatten(0, 1)  # the same for all frames of a chunk
    # A decoder's order in memory, RGB by RGB, is kept: the three are read together.
    pixels = F.grid_sample(frames.flatten(0, 1).float(), grid, padding_mode="border", align_corners=False)
    mean, std = _normalisation(frames.device)
    return pixels.sub_(mean).div_(std).unflatten(0, frames.shape[:2])


@functools.cache
def _normalisation(device: torch.device) -> tuple[Tensor, Tensor]:
    """ImageNet's mean and standard deviation, of 255, (3, 1, 1) each: copied to a device once."""
    with torch.inference_mode(False):  # a training uses them, too, whoever comes first
        mean, std = (255 * torch.tensor(v, device=device).view(3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD))
    return mean, std


def shrink(frames: Tensor, settings: ViewSettings) -> Tensor:
    """(B, T, 3, H, W), averaged over squares of whole pixels where that leaves frames no smaller than `resize`.

    Never with the paper's sizes; frames of 320x240 for a small network would otherwise be sampled with gaps.
    """
    square = min(frames.shape[-1] // settings.resize[0], frames.shape[-2] // settings.resize[1])
    return F.avg_pool2d(frames.flatten(0, 1).float(), square).unflatten(0, frames.shape[:2]) if square > 1 else frames


def views_of(frames: Tensor, windows: Tensor, settings: ViewSettings) -> Tensor:
    """What a network sees of frames of one size: `take_views` of what `shrink` leaves.

    A processor takes a few chunks at a time, as its threads share a batch: what lies between is small, stays in its
    caches, and needs no fresh memory, which costs more than the arithmetic.
    """
    if frames.device.type != "cpu":
        return take_views(shrink(frames, settings), windows, settings.size)
    views = torch.empty(*frames.shape[:3], settings.size, settings.size)
    few = torch.get_num_threads()
    for part, own, window in zip(views.split(few), frames.split(few), windows.split(few), strict=True):
        part.copy_(take_views(shrink(own, settings), window, settings.size))
    return views
