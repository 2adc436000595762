"""The loop of PyTorch's own ImageNet example, on the same frames, as what everybody starts from.

https://github.com/pytorch/examples, imagenet/main.py: worker processes open the JPEGs with Pillow and cut the views on
the processor (RandomResizedCrop, flip), batches are collated there and copied from pinned memory, SGD steps after each
batch, whose loss and accuracy are read at once. With autocast to bf16 on a GPU, or it would compute in float32.
"""

from __future__ import annotations

import io
import time
from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from recurrent_residual.benchmarks.peak import synchronise
from recurrent_residual.chunks import Chunk
from recurrent_residual.device import autocast
from recurrent_residual.frames import FrameReader
from recurrent_residual.views import IMAGENET_MEAN, IMAGENET_STD

WARM_UP = 3  # batches: the workers start, and kernels are chosen


class JpegFrames(Dataset):
    """The frames of `chunks`, one by one, `repeats` times."""

    def __init__(self, source: FrameReader, chunks: Sequence[Chunk], *, size: int, repeats: int) -> None:
        self.source, self.repeats = source, repeats
        self.frames = [(chunk, frame) for chunk in chunks for frame in chunk.frames]
        self.transform = transforms.Compose(
            [
                transforms.RandomResizedCrop(size),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD),
            ]
        )

    def __len__(self) -> int:
        return len(self.frames) * self.repeats

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        chunk, frame = self.frames[index % len(self.frames)]
        with Image.open(io.BytesIO(self.source.read(chunk.class_name, chunk.video, frame))) as image:
            return self.transform(image.convert("RGB")), chunk.label


def example_speed(
    network: nn.Module, frames: JpegFrames, *, batch: int, workers: int, device: torch.device, seconds: float
) -> float:
    """Frames a second of the loop, after `WARM_UP` batches, for `seconds` or until `frames` end.

    `network` maps (N, 3, H, W) to scores (N, classes).
    """
    loader = DataLoader(
        frames, batch_size=batch, shuffle=True, num_workers=workers, pin_memory=device.type == "cuda", drop_last=True
    )
    network.to(device).train()
    criterion = nn.CrossEntropyLoss().to(device)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    started, done = time.perf_counter(), 0
    for number, (loaded, numbers) in enumerate(loader):
        images, labels = loaded.to(device, non_blocking=True), numbers.to(device, non_blocking=True)
        with autocast(device):
            output = network(images)
            loss = criterion(output, labels)
        loss.item()
        (output.argmax(dim=1) == labels).float().mean().item()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if number + 1 == WARM_UP:
            synchronise(device)
            started, done = time.perf_counter(), 0
            continue
        done += batch
        if number + 1 > WARM_UP and time.perf_counter() - started > seconds:
            break
    synchronise(device)
    return done / (time.perf_counter() - started)
