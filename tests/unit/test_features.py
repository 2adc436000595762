"""Protects the frozen features: each frame's own, in the manifest's order, by a network that stays as it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from decoded import decoded
from made_frames import MadeSource, made_clip
from test_recurrent_resnet import randomise

from recurrent_residual.backbone import block_features, build_backbone
from recurrent_residual.chunks import cut
from recurrent_residual.features import extract_features
from recurrent_residual.views import ViewSettings, take_views
from recurrent_residual.views import test_window as centre


def test_features_are_each_frames_own_in_the_manifests_order(tmp_path: Path) -> None:
    """Batches that mix clips; batch norms that are folded; nothing that settings of others could change."""
    torch.manual_seed(0)
    clips = [made_clip(i, frames=frames) for i, frames in enumerate((41, 8, 95))]
    view, source = ViewSettings((32, 24), 16, (24,), flip=True), MadeSource(clips)
    net = randomise(build_backbone("small-8", classes=1)).train()
    cudnn = torch.backends.cudnn
    allowed = cudnn.allow_tf32, cudnn.benchmark, cudnn.deterministic
    count = extract_features(
        net, clips, source, tmp_path, every=10, view=view, batch=7, device=torch.device("cpu"), workers=2
    )
    assert net.training and any(isinstance(module, torch.nn.BatchNorm2d) for module in net.modules())
    assert (cudnn.allow_tf32, cudnn.benchmark, cudnn.deterministic) == allowed
    frames = decoded(source, cut(clips, length=1, every=10))
    assert count == len(frames) == 5 + 1 + 10
    net.eval()
    with torch.no_grad():
        alone = [dict(block_features(net, take_views(frame[None], centre(view)[None], 16)[0])) for frame in frames]
    for block in (2, 3, 4):
        stored = torch.from_numpy(np.load(tmp_path / f"block{block}.npy"))
        torch.testing.assert_close(stored, torch.cat([one[block] for one in alone]), rtol=1e-3, atol=1e-4)
