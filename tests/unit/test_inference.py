"""Protects a video's score: the mean of its chunks' probabilities, each computed as if alone."""

import torch
from made_frames import MadeSource, made_clip

from recurrent_residual.backbone import build_backbone
from recurrent_residual.chunks import cut, load
from recurrent_residual.inference import predict_network
from recurrent_residual.models.recurrent_resnet import RecurrentResNet
from recurrent_residual.views import ViewSettings, take_views
from recurrent_residual.views import test_window as centre

VIEW = ViewSettings((32, 24), 16, (24,), flip=True)


def test_scores_equal_a_loop_over_videos_and_chunks() -> None:
    """Videos of different lengths, one shorter than a chunk; whatever the batch, which mixes chunks of several."""
    torch.manual_seed(0)
    net = RecurrentResNet(build_backbone("small-8", classes=4), skips=["layer4.-2", "layer4.-1"]).eval()
    clips = [made_clip(i, label=i % 4, frames=frames) for i, frames in enumerate((95, 15, 61, 28, 120))]
    source = MadeSource(clips)
    got = [
        predict_network(
            net, clips, source, frames=3, every=10, view=VIEW, batch=batch, device=torch.device("cpu"), workers=2
        )
        for batch in (1, 4, 100)
    ]
    with torch.no_grad():
        for number, clip in enumerate(clips):
            chunks = load(source, cut([clip], length=3, every=10))
            scores = [net(take_views(chunk[None], centre(VIEW)[None], 16)).exp()[0] for chunk in chunks]
            for scored in got:
                torch.testing.assert_close(scored[number], torch.stack(scores).mean(dim=0), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(got[0].sum(dim=1), torch.ones(5))
