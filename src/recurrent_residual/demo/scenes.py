"""What the demo's videos show: eight actions of simple things in front of cluttered scenes.

Four classes are told apart by what is seen, four only by the order of time. The latter are two pairs of twins: each
clip of `BallRises` has a twin in `BallFalls` with the same frames in reversed order, and `RingGrows` is paired with
`RingShrinks` in the same way. Whatever forgets the order of the frames, as their average does, gets at most one clip
of each twin pair right (but for what the video coding changes). The directions are vertical or radial, so that a
left-right flip leaves them as they are.

The clips of a group show one scene, as in UCF-101. Here all classes share it, down to the colours and the size of the
thing, so that with 25 groups no model can take a scene for a class.

Pixels depend only on integers from NumPy's PCG64 and on arithmetic that IEEE 754 rounds exactly (sines are rounded
to four digits), so that they are the same on every machine.
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from recurrent_residual.demo import CLASSES

HEIGHT, WIDTH, FPS = 72, 96, 25
# Class -> the class whose frames it plays backwards.
REVERSED = {"BallRises": "BallFalls", "RingShrinks": "RingGrows"}
# 10 k + 1, so that every tenth frame of a clip and of its reversed twin are the same frames.
LENGTHS = (41, 51)

SEED = 2017
MARGIN = 6  # pixels by which a background is larger than a frame, for the camera to move in
CLIPS, STILLS, SCENES = 0, 1, 2  # kinds of random streams; behind SEED in a stream's key

Array = np.ndarray
Coverage = Callable[[Array, Array, Array], Array]


@dataclass(frozen=True)
class Scene:
    """What the clips of a group share. Colours are float32 (3,) in 0..255."""

    background: Array  # (HEIGHT + 2 MARGIN, WIDTH + 2 MARGIN, 3) float32
    fill: Array
    edge: Array
    size: float  # the thing's radius in pixels
    noise: int  # the sensor noise's largest deviation


@dataclass(frozen=True)
class Path:
    """Where a thing is in each frame: float32 arrays (frames,), in pixels and turns."""

    x: Array
    y: Array
    radius: Array
    turn: Array


# --- shapes: signed distance to the outline in pixels, negative inside; x, y are relative to the thing's centre ------
def _disc(x: Array, y: Array, r: Array) -> Array:
    return np.sqrt(x * x + y * y) - r


def _ring(x: Array, y: Array, r: Array) -> Array:
    return np.abs(np.sqrt(x * x + y * y) - r) - np.float32(4.5)


def _square(x: Array, y: Array, r: Array) -> Array:
    return np.maximum(np.abs(x), np.abs(y)) - np.float32(0.85) * r


def _triangle(x: Array, y: Array, r: Array) -> Array:
    slope = np.float32(0.8660254) * np.abs(x) - np.float32(0.5) * y
    return np.maximum(slope, y) - np.float32(0.65) * r


def _cross(x: Array, y: Array, r: Array) -> Array:
    x, y, width = np.abs(x), np.abs(y), np.float32(0.35) * r
    return np.minimum(np.maximum(x - r, y - width), np.maximum(x - width, y - r))


SHAPES: dict[str, Coverage] = {
    "disc": _disc,
    "ring": _ring,
    "square": _square,
    "triangle": _triangle,
    "cross": _cross,
    "stripes": _disc,
}


def _stripes(x: Array, r: Array) -> Array:
    """Signed distance to four stripes across a thing of radius r."""
    period = np.float32(0.5) * r
    phase = x / period
    return (np.abs(phase - np.floor(phase) - np.float32(0.5)) - np.float32(0.25)) * period


def _paint(canvas: Array, distance: Array, colour: Array) -> None:
    """Blend `colour` into `canvas` (..., H, W, 3) in place, anti-aliased over the outline's one pixel."""
    covered = distance < 0.5  # only few pixels are: to blend just those halves the time of a clip
    alpha = np.minimum(np.float32(0.5) - distance[covered], 1)[:, None]
    under = canvas[covered]
    canvas[covered] = under + alpha * (colour - under)


def draw(canvas: Array, shape: str, path: Path, scene: Scene) -> None:
    """Draw one thing of `scene`'s colours into `canvas`, float32 (frames, HEIGHT, WIDTH, 3), in place."""
    cos, sin = (
        np.array([round(f(math.tau * float(turn)), 4) for turn in path.turn], np.float32)[:, None, None]
        for f in (math.cos, math.sin)
    )
    dx = np.arange(WIDTH, dtype=np.float32)[None, None] - path.x[:, None, None]
    dy = np.arange(HEIGHT, dtype=np.float32)[None, :, None] - path.y[:, None, None]
    x, y, r = cos * dx + sin * dy, cos * dy - sin * dx, path.radius[:, None, None]
    body = SHAPES[shape](x, y, r)
    inside = body + np.float32(1.5)
    if shape == "stripes":
        inside = np.maximum(inside, _stripes(x, r))
    _paint(canvas, body, scene.edge)
    _paint(canvas, inside, scene.fill)


# --- scenes ----------------------------------------------------------------------------------------------------------
def _colour(rng: np.random.Generator, saturation: tuple[float, float], value: tuple[float, float]) -> Array:
    hsv = (rng.random(), rng.uniform(*saturation), rng.uniform(*value))
    return np.float32(255) * np.array(colorsys.hsv_to_rgb(*hsv), np.float32)


def _luma(colour: Array) -> float:
    return float(0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2])


def _value_noise(rng: np.random.Generator, height: int, width: int, cell: int) -> Array:
    """Smooth random values in 0..1, float32 (height, width): a random lattice every `cell` pixels, interpolated."""
    lattice = rng.random((height // cell + 2, width // cell + 2), np.float32)

    def position(length: int) -> tuple[Array, Array]:
        at = np.arange(length, dtype=np.float32) / np.float32(cell)
        below = at.astype(np.intp)
        rest = at - below.astype(np.float32)
        return below, rest * rest * (np.float32(3) - np.float32(2) * rest)

    row, down = position(height)
    column, right = position(width)
    rows = lattice[row] + down[:, None] * (lattice[row + 1] - lattice[row])
    return rows[:, column] + right * (rows[:, column + 1] - rows[:, column])


def make_scene(rng: np.random.Generator) -> Scene:
    """Draw a scene: a mottled background of two muted colours with clutter on it, and a thing that stands out."""
    height, width = HEIGHT + 2 * MARGIN, WIDTH + 2 * MARGIN
    first = _colour(rng, (0.1, 0.5), (0.2, 0.9))
    second = np.clip(first + np.float32(255) * (rng.random(3, np.float32) - np.float32(0.5)) * np.float32(0.5), 0, 255)
    mottle = (2 * _value_noise(rng, height, width, 20) + _value_noise(rng, height, width, 6)) / np.float32(3)
    background = first + mottle[..., None] * (second - first)

    ys, xs = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)[None]
    for _ in range(int(rng.integers(4, 9))):
        shape = (_disc, _square, _triangle, _cross)[rng.integers(4)]
        x, y = np.float32(rng.uniform(0, width)), np.float32(rng.uniform(0, height))
        radius = np.array(rng.uniform(2, 5), np.float32)
        _paint(background, shape(xs - x, ys - y, radius), _colour(rng, (0.1, 0.8), (0.2, 0.9)))

    fill = _colour(rng, (0.6, 1.0), (0.3, 1.0))
    while min(abs(_luma(fill) - _luma(first)), abs(_luma(fill) - _luma(second))) < 70:
        fill = _colour(rng, (0.3, 1.0), (0.1, 1.0))
    edge = np.full(3, 20 if _luma(fill) > 128 else 235, np.float32)
    return Scene(background, fill, edge, size=rng.uniform(13, 18), noise=int(rng.integers(4, 11)))


def scene_of(group: int) -> Scene:
    """The scene of a group (1, 2, ...), whatever the class."""
    return make_scene(np.random.default_rng((SEED, SCENES, group)))


# --- actions ---------------------------------------------------------------------------------------------------------
def _across(rng: np.random.Generator, start: float, end: float, jitter: float, length: int) -> Array:
    """`length` evenly spaced values from about `start` to about `end`."""
    start, end = start + rng.uniform(-jitter, jitter), end + rng.uniform(-jitter, jitter)
    return (start + (end - start) * (np.arange(length) / (length - 1))).astype(np.float32)


def _path(action: str, size: float, length: int, rng: np.random.Generator) -> Path:
    """How the thing of an action moves. In 10 frames a ball moves a sixth to a fifth of the height."""
    x = _across(rng, 0.5 * WIDTH, 0.5 * WIDTH, 0.18 * WIDTH, length)[:1].repeat(length)
    y = _across(rng, 0.5 * HEIGHT, 0.5 * HEIGHT, 0.18 * HEIGHT, length)[:1].repeat(length)
    radius = np.full(length, size, np.float32)
    turn = np.full(length, rng.random(), np.float32)
    match action:
        case "BallFalls":
            y = _across(rng, 0.08 * HEIGHT, 0.92 * HEIGHT, 0.05 * HEIGHT, length)
        case "RingGrows":
            radius = _across(rng, 0.06 * HEIGHT, 0.5 * HEIGHT, 0.03 * HEIGHT, length)
            y = np.float32(0.5) * (y + np.float32(0.5 * HEIGHT))
        case "SquareSpins" | "TriangleSpins":
            turn = turn + _across(rng, 0, float(rng.choice((-0.6, 0.6))), 0.2, length)
        case "CrossDrifts" | "StripesDrift":
            side = float(rng.choice((0.25, 0.75)))
            x = _across(rng, side * WIDTH, (1 - side) * WIDTH, 0.1 * WIDTH, length)
        case _:
            raise ValueError(f"no action {action!r}")
    return Path(x, y, radius, turn)


_SHAPE_OF = {
    "BallFalls": "disc",
    "CrossDrifts": "cross",
    "RingGrows": "ring",
    "SquareSpins": "square",
    "StripesDrift": "stripes",
    "TriangleSpins": "triangle",
}


def camera(scene: Scene, start: Sequence[int], end: Sequence[int], length: int) -> Array:
    """The background seen by a camera that moves evenly by whole pixels: float32 (length, HEIGHT, WIDTH, 3)."""
    at = np.arange(length) / max(1, length - 1)
    top, left = (np.rint(a + (b - a) * at).astype(int) for a, b in zip(start, end, strict=True))
    return np.stack([scene.background[i : i + HEIGHT, j : j + WIDTH] for i, j in zip(top, left, strict=True)])


def expose(canvas: Array, noise: int, rng: np.random.Generator) -> Array:
    """Add sensor noise (triangular, at most `noise` grey levels) and round: uint8, shaped as `canvas`."""
    shape = (2, *canvas.shape[:3], 1)
    grain = rng.integers(0, noise + 1, shape, np.int8)
    return np.rint(np.clip(canvas + (grain[0] - grain[1]), 0, 255)).astype(np.uint8)


def render(class_name: str, group: int, clip: int) -> Array:
    """All frames of clip `clip` of a group: uint8 (frames, HEIGHT, WIDTH, 3), RGB.

    Raises ValueError for a class that is not in CLASSES.
    """
    base = REVERSED.get(class_name, class_name)
    rng = np.random.default_rng((SEED, CLIPS, CLASSES.index(base), group, clip))
    scene = scene_of(group)
    length = LENGTHS[rng.integers(len(LENGTHS))]
    start, end = rng.integers(0, 2 * MARGIN + 1, (2, 2)).tolist()
    canvas = camera(scene, start, end, length)
    draw(canvas, _SHAPE_OF[base], _path(base, scene.size, length, rng), scene)
    frames = expose(canvas, scene.noise, rng)
    return frames[::-1] if class_name in REVERSED else frames
