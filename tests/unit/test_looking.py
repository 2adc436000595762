"""Protects the look into two networks: the clips are those of the rule, the maps Grad-CAM's, the numbers the test's."""

from __future__ import annotations

import base64
import io
import itertools
import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from made_tested import CLASSES, NETWORKS, call, evaluate, made_clips, make_tested
from PIL import Image
from safetensors.torch import save_file
from test_inference import network
from torch import nn

from recurrent_residual.errors import UserError
from recurrent_residual.frames import FrameReader
from recurrent_residual.looking.choice import CHOSEN, GAIN, LOSS, TYPICAL, choose, rule
from recurrent_residual.looking.gradcam import class_maps, scaled
from recurrent_residual.looking.looks import SHOWN, evenly, look
from recurrent_residual.looking.overlay import SIDE, overlay, picture_of
from recurrent_residual.looking.page import render
from recurrent_residual.views import IMAGENET_MEAN, IMAGENET_STD

TEMPLATES = Path(__file__).parents[2] / "report/templates/look"


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Two threads that wait for each other on busy cores take many times as long as networks so small take one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


# The choice of clips


def test_the_largest_gains_losses_and_the_typical_ones() -> None:
    """Nine clips of nine classes, of known gains, whose median is 0.1."""
    gain = np.array([0.9, -0.8, 0.1, 0.7, -0.6, 0.11, 0.2, 0.0, 0.05])
    videos = [f"v{i}" for i in range(9)]
    chosen = choose(videos, videos, gain, clips=6)
    assert [(one.video, one.why) for one in chosen] == [
        ("v0", GAIN), ("v3", GAIN), ("v1", LOSS), ("v4", LOSS), ("v2", TYPICAL), ("v5", TYPICAL)
    ]  # fmt: skip
    assert [one.gain for one in chosen] == [0.9, 0.7, -0.8, -0.6, 0.1, 0.11]


def test_other_classes_come_first_and_ties_go_by_name() -> None:
    """The second gain is of another class though less; without another class the next of the same one is taken."""
    gain = np.array([0.5, 0.45, 0.4, 0.2, 0.19, -0.1, -0.05])
    chosen = choose(["a", "b", "c", "d", "e", "f", "g"], ["A", "A", "B", "C", "D", "E", "E"], gain, clips=4)
    assert [one.video for one in chosen] == ["a", "c", "f", "d"]
    alone = choose(["b", "a", "c"], ["A"] * 3, np.array([0.5, 0.5, 0.4]), clips=3)
    assert [(one.video, one.why) for one in alone] == [("a", GAIN), ("b", TYPICAL), ("c", TYPICAL)]


@given(
    gain=st.lists(st.floats(-1, 1).map(lambda x: round(x, 2)), max_size=15),
    classes=st.integers(1, 5),
    clips=st.integers(0, 9),
    seed=st.randoms(use_true_random=False),
)
def test_what_any_choice_has(gain: list[float], classes: int, clips: int, seed) -> None:
    """As many as asked for, none twice, gains above and losses below 0, whatever the order in which clips come."""
    rows = [(f"v{i:02d}", f"C{i % classes}", value) for i, value in enumerate(gain)]
    chosen = choose([r[0] for r in rows], [r[1] for r in rows], np.array([r[2] for r in rows]), clips=clips)
    assert len({one.video for one in chosen}) == len(chosen) == min(clips, len(gain))
    assert all(one.gain > 0 for one in chosen if one.why == GAIN)
    assert all(one.gain < 0 for one in chosen if one.why == LOSS)
    if chosen and max(gain) > 0:
        assert chosen[0].gain == max(gain)
    seed.shuffle(rows)
    assert chosen == choose([r[0] for r in rows], [r[1] for r in rows], np.array([r[2] for r in rows]), clips=clips)


def test_a_choice_of_none_is_no_choice_by_hand() -> None:
    """The sentence is of what was done, not of what is left of it."""
    said = rule(np.array([0.5, -0.5]), [], split=1, seed=1)
    assert said.startswith("Of the 2 test clips of split 1 (seed 1), by the gain") and "0 with the largest gain" in said


@given(st.integers(1, 200), st.integers(1, 8))
def test_the_chunks_shown_lie_evenly(count: int, most: int) -> None:
    """First and last among them, none twice, as many as may be, and the gaps alike."""
    places = evenly(count, most)
    assert len(places) == len(set(places)) == min(count, most)
    assert places[0] == 0 and (most == 1 or places[-1] == count - 1)
    gaps = {b - a for a, b in itertools.pairwise(places)}
    assert not gaps or max(gaps) - min(gaps) <= 1


# Grad-CAM

CASES = {
    "one skip": (["layer4.-1"], "identity", None, "last"),
    "context 3": (["layer4.-2", "layer4.-1"], "identity", None, "last"),
    "no skip": ([], "identity", 2, "last"),
    "average": (["layer4.-1"], "nonlinear", 4, "average"),
    "no skip, average": ([], "identity", 3, "average"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_maps_are_those_of_the_papers_equations(case: str) -> None:
    """Equations 1 and 2 by hand, chunk by chunk: the gradient of the score before the softmax, at the last output."""
    skips, kind, frames, readout = CASES[case]
    net = network(skips, kind, frames, readout)
    chunks = torch.randn(2, net.frames, 3, 65, 65, generator=torch.Generator().manual_seed(2))
    maps = class_maps(net, chunks, 1)
    assert maps.shape == (2, 3, 3) and not maps.requires_grad
    kept: list[torch.Tensor] = []
    handle = net.backbone.layer4[-1].register_forward_hook(lambda _, __, out: kept.append(out))
    for chunk, found in zip(chunks, maps, strict=True):
        score = net.logits(chunk[None, -net.reads :])[0, -1, 1]
        out = kept.pop()
        (gradient,) = torch.autograd.grad(score, out)
        alpha = gradient[-1].mean(dim=(1, 2))  # eq. 1
        by_hand = torch.relu((alpha[:, None, None] * out[-1]).sum(dim=0))  # eq. 2
        torch.testing.assert_close(found, by_hand.detach(), rtol=1e-3, atol=1e-6)
    handle.remove()


def test_the_network_is_as_it_was() -> None:
    """No gradient and no hook stays behind."""
    net = network(["layer4.-1"])
    class_maps(net, torch.randn(2, 2, 3, 32, 32), 0)
    assert all(parameter.grad is None for parameter in net.parameters())
    assert not any(module._forward_hooks or module._backward_hooks for module in net.modules())


class Corner(nn.Module):
    """Channel 0 of its last layer is the picture's red; class 1 is how red the last frame is, class 0 how little."""

    reads = 2

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Module()
        self.backbone.layer4 = nn.Sequential(nn.Conv2d(3, 2, 1, bias=False))
        with torch.no_grad():
            self.backbone.layer4[0].weight.copy_(torch.tensor([[1.0, 0, 0], [0, 1.0, 0]])[..., None, None])

    def logits(self, clips: torch.Tensor) -> torch.Tensor:
        out = self.backbone.layer4[0](F.avg_pool2d(clips[:, -1], 8))
        red = out[:, 0].mean(dim=(1, 2))
        return torch.stack([-red, red], dim=1)[:, None]


def test_the_map_lies_where_the_class_is() -> None:
    """Red in one corner of the last frame: there for the class of red, nowhere for the other; the frame before is
    not what is shown."""
    chunks = torch.zeros(1, 2, 3, 32, 32)
    chunks[:, -1, 0, :8, 24:] = 1
    chunks[:, 0, 0, 24:, :8] = 5
    (red,), (other,) = class_maps(Corner(), chunks, 1), class_maps(Corner(), chunks, 0)
    assert red.argmax() == 3 and (red > 0).sum() == 1
    assert not other.any()


def test_maps_of_a_clip_have_one_scale() -> None:
    maps = torch.tensor([[[1.0, 2.0]], [[0.0, 4.0]]])
    torch.testing.assert_close(scaled(maps), maps / 4)
    assert not scaled(torch.zeros(2, 3, 3)).isnan().any()


def test_a_network_without_such_a_layer_is_refused() -> None:
    with pytest.raises(UserError, match=r"Identity: has no logits and backbone\.layer4"):
        class_maps(nn.Identity(), torch.zeros(1, 1, 3, 8, 8), 0)


# Pictures


def test_a_view_is_shown_in_its_own_colours() -> None:
    """The normalisation is taken back."""
    colour = torch.tensor([51, 127, 230]) / 255
    view = ((colour - torch.tensor(IMAGENET_MEAN)) / torch.tensor(IMAGENET_STD))[:, None, None].expand(3, 28, 28)
    picture = picture_of(view)
    assert picture.shape == (SIDE, SIDE, 3)
    np.testing.assert_array_equal(picture, np.broadcast_to([51, 127, 230], picture.shape))


def test_a_map_changes_the_picture_only_where_it_speaks() -> None:
    """0 leaves the grey frame; what is larger is lighter on a dark frame, all the way (so without colours, too)."""
    dark = np.full((SIDE, SIDE, 3), 10, np.uint8)
    assert (overlay(dark, torch.zeros(2, 2)) == 10).all()
    ramp = overlay(dark, torch.linspace(0, 1, SIDE).expand(SIDE, SIDE))[0] @ np.array([0.299, 0.587, 0.114])
    assert (np.diff(ramp) > -1.5).all() and ramp[-1] > ramp[0] + 150


# Files to files


@pytest.fixture(scope="module")
def tested(tmp_path_factory) -> Path:
    """A folder of tested networks. Not to be changed."""
    return make_tested(tmp_path_factory.mktemp("tested"))


@pytest.fixture
def own(tested: Path, tmp_path: Path) -> Path:
    """The same to be changed, with two of the networks."""
    (tmp_path / "frames").symlink_to(tested / "frames")
    for name in ("identity", "no_skip"):
        shutil.copytree(tested / "runs" / name, tmp_path / "runs" / name)
    return tmp_path


def looked(folder: Path, experiment: str = "identity", beside: str = "no_skip", count: int = 6, **given):
    return look(
        folder / "runs",
        made_clips(),
        FrameReader(folder / "frames"),
        experiment=experiment,
        beside=beside,
        split=given.pop("split", 1),
        seed=1,
        count=count,
        device=torch.device("cpu"),
        workers=2,
        **given,
    )


PAIRS = [("identity", "no_skip"), ("context3", "average"), ("no_skip", "context3"), ("context5", "identity")]


@pytest.mark.parametrize("pair", PAIRS)
def test_what_stands_there_is_what_the_test_found(tested: Path, pair: tuple[str, str]) -> None:
    """Classes and gain are the stored predictions'; where both have one T, a clip's chunks average to them."""
    looks = looked(tested, *pair)
    assert len(looks["clips"]) == 6 and looks["experiment"] == pair[0] and looks["beside"] == pair[1]
    assert f"Of the {2 * CLASSES} test clips of split 1 (seed 1)" in looks["rule"]
    labels = {clip.class_name: clip.label for clip in made_clips()}
    lengths = {clip.video: clip.frames for clip in made_clips()}
    for clip in looks["clips"]:
        stored = {}
        for prefix, name in zip(("", "beside_"), pair, strict=True):
            table = pyarrow.parquet.read_table(tested / "runs" / name / "split1/seed1/predictions.parquet")
            (row,) = [row for row in table.to_pylist() if row["video"] == clip["video"]]
            assert clip[f"{prefix}predicted"] == clip[f"{prefix}top"][0][0] == f"Class{row['predicted']}"
            assert sum(value for _, value in clip[f"{prefix}top"]) == pytest.approx(1, abs=1e-4)  # of three classes
            stored[prefix] = row["probabilities"][labels[clip["class"]]]
        assert clip["gain"] == pytest.approx(stored[""] - stored["beside_"])
        if pair == PAIRS[0]:
            for prefix in ("", "beside_"):
                mean = np.mean([chunk[f"{prefix}probability"] for chunk in clip["chunks"]])
                assert mean == pytest.approx(stored[prefix], abs=1e-4)
        context = len(NETWORKS[pair[0]]["skips"]) + 1
        reads = NETWORKS[pair[0]]["frames"] if NETWORKS[pair[0]].get("readout") == "average" else context
        assert all(len(chunk["frames"]) == reads for chunk in clip["chunks"])
        assert all(0 <= frame < lengths[clip["video"]] for chunk in clip["chunks"] for frame in chunk["frames"])
        assert len(clip["shown"]) == min(SHOWN, len(clip["chunks"]))
        for one in clip["shown"]:
            assert one["frame"] == clip["chunks"][one["chunk"]]["frames"][-1]
            for key in ("jpeg", "cam", "beside_cam"):
                assert Image.open(io.BytesIO(base64.b64decode(one[key]))).size == (SIDE, SIDE)
            # A made frame's brightness tells its class and number.
            brightness = np.asarray(Image.open(io.BytesIO(base64.b64decode(one["jpeg"])))).mean()
            assert brightness == pytest.approx(29.5 + 60 * labels[clip["class"]] + one["frame"] % 50, abs=4)


def test_the_same_look_twice_gives_the_same_bytes(tested: Path) -> None:
    """On a processor; and it is small enough for a page: six clips of the largest pictures below 1.2 MB."""
    first, second = (json.dumps(looked(tested, count=2)) for _ in range(2))
    assert first == second
    pictures = [one for clip in json.loads(first)["clips"] for one in clip["shown"]]
    most = max(len(one[key]) for one in pictures for key in ("jpeg", "cam", "beside_cam"))
    assert 6 * SHOWN * 3 * most < 1.2e6


def test_clips_by_name(tested: Path) -> None:
    """In the order in which they were named, each once."""
    videos = [clip.video for clip in made_clips() if clip.role(1) == "test"]
    looks = looked(tested, videos=[videos[3], videos[0], videos[3]])
    assert [(clip["video"], clip["why"]) for clip in looks["clips"]] == [(videos[3], CHOSEN), (videos[0], CHOSEN)]
    assert looks["rule"].startswith("Chosen by hand")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"videos": ["v_Class0_g01_c01"]}, r"--videos: v_Class0_g01_c01 is no test clip of split 1"),
        ({"videos": ["nothing"]}, r"--videos: nothing is no test clip of split 1"),
        ({"experiment": "unknown"}, r"unknown was not run on split 1 with seed 1"),
        ({"beside": "unknown"}, r"unknown was not run on split 1 with seed 1"),
        ({"split": 2}, r"identity was not run on split 2 with seed 1"),
    ],
)
def test_what_cannot_be_looked_at_is_named(tested: Path, given: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        looked(tested, **given)


def test_networks_that_do_not_fit_together_are_named(own: Path) -> None:
    """A baseline has no blocks; another sampling has other chunks; other clips cannot be compared; damage is damage."""
    record = own / "runs/no_skip/split1/seed1/run.json"
    settings = json.loads(record.read_text())
    changed = {**settings, "settings": {k: v for k, v in settings["settings"].items() if k != "training"}}
    record.write_text(json.dumps(changed))
    with pytest.raises(UserError, match="no_skip: is no network"):
        looked(own)
    changed = {**settings, "settings": {**settings["settings"], "training": {"every": 5}}}
    record.write_text(json.dumps(changed))
    with pytest.raises(UserError, match="no_skip samples every 5 frames and identity every 10"):
        looked(own)
    record.write_text(json.dumps(settings))
    predictions = record.with_name("predictions.parquet")
    table = pyarrow.parquet.read_table(predictions)
    pyarrow.parquet.write_table(table.slice(1), predictions)
    with pytest.raises(UserError, match="not tested on the same clips"):
        looked(own)
    predictions.write_bytes(b"PAR1")
    with pytest.raises(UserError, match=r"predictions\.parquet: cannot be read"):
        looked(own)


def test_weights_that_are_not_there_or_damaged_are_named(own: Path) -> None:
    """With what to do: a run's results may have been copied without its weights."""
    weights = own / "runs/identity/split1/seed1/weights.safetensors"
    for damage in (
        weights.unlink,
        lambda: weights.write_bytes(b"cut"),
        lambda: save_file({}, weights),
    ):
        damage()
        with pytest.raises(UserError) as caught:
            looked(own)
        message = str(caught.value)
        assert message.startswith(f"{weights}: cannot be read (") and "\n" not in message
        assert "train identity on split 1 with seed 1 again" in message


def test_a_run_without_its_description_is_named(own: Path) -> None:
    (own / "runs/identity/split1/seed1/run.json").unlink()
    with pytest.raises(UserError, match=r"run\.json: cannot be read \(No such file or directory\)"):
        looked(own)


def test_results_from_before_there_was_a_shuffled_test_are_read(tested: Path, own: Path) -> None:
    """And whatever the order of the clips in a file."""
    for number, file in enumerate(sorted((own / "runs").rglob("predictions.parquet"))):
        table = pyarrow.parquet.read_table(file).drop_columns(["predicted_shuffled"])
        pyarrow.parquet.write_table(table.take(np.arange(len(table))[:: (-1) ** number]), file)
    assert looked(own, count=3) == looked(tested, count=3)


def test_the_command_writes_json_or_a_page(tested: Path, tmp_path: Path, capsys) -> None:
    """The page asks for nothing beside it, and shows each picture with words for those who cannot see it."""
    given = {"experiment": "identity", "beside": "no_skip", "runs": str(tested / "runs"), "clips": "2"}
    call("look_into_model", tested, **given, output=str(tmp_path / "looks.json"))
    looks = json.loads((tmp_path / "looks.json").read_text())
    assert looks == json.loads(json.dumps(looked(tested, count=2)))
    call("look_into_model", tested, **given, output=str(tmp_path / "looks.html"))
    page = (tmp_path / "looks.html").read_text()
    assert not re.search(r'(?:src|href)="(?!data:|#)', page) and "url(" not in page
    images = re.findall(r"<img [^>]*>", page)
    assert len(images) == 3 * sum(len(clip["shown"]) for clip in looks["clips"])
    assert all(re.search(r'alt="[^"]+"', image) for image in images)
    assert all(looks["clips"][i]["video"] in page for i in range(2))
    with pytest.raises(SystemExit):
        call("look_into_model", tested, **{**given, "clips": "0"}, output=str(tmp_path / "none.json"))
    assert "--clips: 0 clips are none to look at; give 1 or more" in capsys.readouterr().err


def test_names_with_marks_come_out_right(tested: Path) -> None:
    looks = {**looked(tested, count=1), "title": '<b>"A & B"</b>', "beside_title": "Æ_%"}
    page = render(looks, TEMPLATES)
    assert "&lt;b&gt;&#34;A &amp; B&#34;&lt;/b&gt;" in page and "<b>" not in page and "Æ_%" in page


# Real clips

REAL = pytest.mark.skipif("UCF101_VIDEOS" not in os.environ, reason="UCF101_VIDEOS names no folder of real clips")


@REAL
def test_a_real_clip(tested: Path, tmp_path: Path) -> None:
    """Real frames through extraction, manifest, test and look: the picture is the frame that PyAV decodes."""
    from recurrent_residual.clips import ListedClip
    from recurrent_residual.extraction import extract_frames
    from recurrent_residual.manifest import build_manifest, write_manifest
    from recurrent_residual.video import decode_every

    shutil.copytree(tested / "runs", tmp_path / "runs")  # for its networks of 3 classes
    (tmp_path / "frames").mkdir()
    videos = Path(os.environ["UCF101_VIDEOS"])
    listed = []
    for label, folder in enumerate(sorted(path for path in videos.iterdir() if path.is_dir())[:CLASSES]):
        file = sorted(folder.glob("*.avi"))[0]
        own = ListedClip(file.stem, folder.name, label, 1, 1, f"{folder.name}/{file.name}", ("test", "train", "train"))
        tar = tmp_path / "frames" / f"{folder.name}.tar"
        extract_frames([own], videos, tar, tar.with_suffix(".tsv"), every=10, quality=95)
        listed.append(own)
    tables = [tmp_path / "frames" / f"{one.class_name}.tsv" for one in listed]
    clips, _ = build_manifest(listed, tables, splits=[])
    write_manifest(tmp_path / "manifest.tsv", clips)
    for name in ("identity", "no_skip"):
        evaluate(tmp_path, name)
    given = {"experiment": "identity", "beside": "no_skip", "runs": str(tmp_path / "runs")}
    call("look_into_model", tmp_path, **given, videos=clips[0].video, output=str(tmp_path / "looks.json"))
    (clip,) = json.loads((tmp_path / "looks.json").read_text())["clips"]
    one = clip["shown"][-1]
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(one["jpeg"]))), float)
    frame = decode_every(videos / clips[0].path, 10, np.copy).kept[one["frame"] // 10]
    height, width = frame.shape[:2]
    share = (28 / 43 * width, 28 / 32 * height)  # the centre crop of the tiny network's view
    box = [(width - share[0]) / 2, (height - share[1]) / 2, (width + share[0]) / 2, (height + share[1]) / 2]
    expected = Image.fromarray(frame).resize((28, 28), Image.Resampling.BOX, tuple(box)).resize((SIDE, SIDE))
    assert np.corrcoef(shown.ravel(), np.asarray(expected, float).ravel())[0, 1] > 0.95
