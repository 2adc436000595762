"""Still images of another label than the demo's actions: what the demo pretrains its backbone on, for want of ImageNet.

The label says which shape is where and how large, so that the features carry shape, height and size: what a
classifier on frozen features needs to follow a thing through a clip. The scenes are none of the videos'.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from recurrent_residual.demo.scenes import (
    HEIGHT,
    MARGIN,
    SEED,
    SHAPES,
    STILLS,
    WIDTH,
    Path,
    camera,
    draw,
    expose,
    make_scene,
)

PLACES = {"upper": 0.18, "middle": 0.5, "lower": 0.82}  # of the height
SIZES = {"small": (7.0, 12.0), "large": (15.0, 24.0)}  # radius in pixels
NAMES = tuple(" ".join(name) for name in product(SIZES, SHAPES, PLACES))


def still_images(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Make `count` images: uint8 (count, 3, HEIGHT, WIDTH) RGB, labels int64 (count,), and the labels' names.

    Labels take turns, so that any run of images holds all of them equally often. Image i depends on `seed` and i only.
    """
    images = np.empty((count, 3, HEIGHT, WIDTH), np.uint8)
    labels = np.arange(count, dtype=np.int64) % len(NAMES)
    for i, label in enumerate(labels):
        size, shape, place = NAMES[label].split()
        rng = np.random.default_rng((SEED, STILLS, seed, i))
        scene = make_scene(rng)
        path = Path(
            x=np.array([rng.uniform(0.2, 0.8) * WIDTH], np.float32),
            y=np.array([(PLACES[place] + rng.uniform(-0.1, 0.1)) * HEIGHT], np.float32),
            radius=np.array([rng.uniform(*SIZES[size])], np.float32),
            turn=np.array([rng.random()], np.float32),
        )
        corner = rng.integers(0, 2 * MARGIN + 1, 2).tolist()
        canvas = camera(scene, corner, corner, 1)
        draw(canvas, shape, path, scene)
        images[i] = expose(canvas, scene.noise, rng)[0].transpose(2, 0, 1)
    return images, labels, NAMES
