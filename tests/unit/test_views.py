"""Protects what a network sees of a frame: the paper's crops, the same for all frames of a chunk."""

import pytest
import torch
import torch.nn.functional as F

from recurrent_residual.views import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    ViewSettings,
    _normalisation,
    take_views,
    test_window,
    training_windows,
    views_of,
)

PAPER = ViewSettings((340, 256), 224, (256, 224, 192, 168), flip=True)
test_window.__test__ = False  # pytest takes the name for a test's


def normalised(pixels: torch.Tensor) -> torch.Tensor:
    """(..., 3, H, W) in 0..255."""
    return (pixels / 255 - torch.tensor(IMAGENET_MEAN).view(3, 1, 1)) / torch.tensor(IMAGENET_STD).view(3, 1, 1)


def frames(batch: int = 2, time: int = 3, height: int = 240, width: int = 320) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (batch, time, 3, height, width), dtype=torch.uint8, generator=generator)


def test_the_whole_frame_is_an_ordinary_resize() -> None:
    x = frames()
    window = torch.tensor([[0.5, 0.5, 1.0, 1.0]]).repeat(2, 1)
    resized = F.interpolate(x.flatten(0, 1).float(), (224, 224), mode="bilinear").unflatten(0, (2, 3))
    torch.testing.assert_close(take_views(x, window, 224), normalised(resized), rtol=1e-3, atol=2e-3)


def test_the_test_view_is_resize_and_centre_crop() -> None:
    """One resampling gives what resizing 320x240 to 340x256 and cutting out 224 gives."""
    x = frames(1, 1)
    resized = F.interpolate(x[0].float(), (256, 340), mode="bilinear")[:, :, 16:240, 58:282]
    got = take_views(x, test_window(PAPER)[None], 224)[0]
    torch.testing.assert_close(got, normalised(resized), rtol=1e-3, atol=2e-3)


def test_large_frames_are_smoothed_before_they_shrink() -> None:
    """A fine checkerboard becomes grey, not a pattern that no frame holds (320x240 for a small network)."""
    board = ((torch.arange(240)[:, None] + torch.arange(320)) % 2 * 255).to(torch.uint8).expand(1, 3, 240, 320)
    small = ViewSettings((85, 64), 56, (64, 56), flip=True)
    assert views_of(board[None], test_window(small)[None], small)[0, 0, 0].std() < 0.1
    paper = views_of(board[None], test_window(PAPER)[None], PAPER)
    assert torch.equal(paper, take_views(board[None], test_window(PAPER)[None], 224))


def naive_views(frames: torch.Tensor, windows: torch.Tensor, size: int) -> torch.Tensor:
    """`take_views` frame by frame, in one order in memory, with the grid spelt out."""
    mean, std = (255 * torch.tensor(values).view(3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    views = torch.empty(*frames.shape[:3], size, size)
    for b, (x, y, width, height) in enumerate(windows):
        theta = torch.tensor([[[width, 0, 2 * x - 1], [0, height, 2 * y - 1]]])
        grid = F.affine_grid(theta, [1, 1, size, size], align_corners=False)
        for t, frame in enumerate(frames[b]):
            pixels = frame.contiguous().float()[None]
            sampled = F.grid_sample(pixels, grid, padding_mode="border", align_corners=False)[0]
            views[b, t] = (sampled - mean) / std
    return views


@pytest.mark.parametrize("order", ["planes", "as decoded"])
def test_views_are_those_of_the_naive_way_bit_for_bit(order: str) -> None:
    """However the pixels lie in memory and whatever stands in the batch with them."""
    x = frames(4, 3, 60, 80)
    if order == "as decoded":
        x = x.permute(0, 1, 3, 4, 2).contiguous().permute(0, 1, 4, 2, 3)
    windows = training_windows(4, PAPER, torch.Generator().manual_seed(2))
    assert torch.equal(take_views(x, windows, 48), naive_views(x, windows, 48))


def test_the_order_in_memory_does_not_matter_to_what_is_smoothed() -> None:
    x = frames(2, 2).permute(0, 1, 3, 4, 2).contiguous().permute(0, 1, 4, 2, 3)
    small = ViewSettings((85, 64), 56, (64, 56), flip=True)
    windows = training_windows(2, small, torch.Generator().manual_seed(2))
    assert torch.equal(views_of(x, windows, small), views_of(x.contiguous(), windows, small))


def test_views_made_within_inference_mode_leave_training_alone() -> None:
    """What is kept from the first call must serve a training that comes after a test."""
    _normalisation.cache_clear()
    window = test_window(PAPER)[None]
    with torch.inference_mode():
        take_views(frames(1, 1, 24, 32), window, 8)
    scale = torch.ones(1, requires_grad=True)
    (take_views(frames(1, 1, 24, 32), window, 8) * scale).sum().backward()
    assert scale.grad is not None and not any(kept.is_inference() for kept in _normalisation(torch.device("cpu")))


def test_a_negative_width_mirrors() -> None:
    x = frames(1)
    window = torch.tensor([[0.4, 0.6, 0.5, 0.7]])
    mirrored = window * torch.tensor([1.0, 1.0, -1.0, 1.0])
    torch.testing.assert_close(take_views(x, mirrored, 56), take_views(x, window, 56).flip(-1), rtol=1e-4, atol=1e-3)


def test_all_frames_of_a_chunk_share_one_window() -> None:
    """Equal frames stay equal, so that the temporal sum adds what belongs together."""
    x = frames(1, 1).expand(4, 5, -1, -1, -1)
    views = take_views(x, training_windows(4, PAPER, torch.Generator().manual_seed(3)), 64)
    assert torch.equal(views, views[:, :1].expand_as(views))
    assert not torch.equal(views[0], views[1])


def test_training_windows_are_the_papers_crops() -> None:
    """Sides of {256, 224, 192, 168} independently, at the corners or the centre, within the frame, half mirrored."""
    windows = training_windows(4000, PAPER, torch.Generator().manual_seed(0))
    centre, extent = windows[:, :2], windows[:, 2:].abs()
    pixels = extent * torch.tensor([340.0, 256.0])
    for side in (0, 1):
        values, counts = pixels[:, side].round().unique(return_counts=True)
        assert values.tolist() == [168, 192, 224, 256]
        assert counts.min() > 900
    assert len({tuple(row) for row in pixels.round().int().tolist()}) == 16
    low, high = centre - extent / 2, centre + extent / 2
    assert low.min() > -1e-6 and high.max() < 1 + 1e-6
    at_edge = (low.abs() < 1e-6) | ((high - 1).abs() < 1e-6)
    in_centre = ((centre - 0.5).abs() < 1e-6).all(dim=1)
    assert (at_edge.all(dim=1) | in_centre).all()
    assert 0.15 < in_centre.float().mean() < 0.35
    assert 0.45 < (windows[:, 2] < 0).float().mean() < 0.55


def test_no_flip_where_it_is_switched_off() -> None:
    settings = ViewSettings((340, 256), 224, (256,), flip=False)
    assert (training_windows(500, settings, torch.Generator().manual_seed(0))[:, 2] > 0).all()


@pytest.mark.parametrize("count", [1, 7])
def test_equal_seeds_draw_equal_windows(count: int) -> None:
    draws = [training_windows(count, PAPER, torch.Generator().manual_seed(5)) for _ in range(2)]
    assert torch.equal(*draws)
