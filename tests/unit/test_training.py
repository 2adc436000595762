"""Protects the training loop: gradients over 1 % of the data, repeatable, and unharmed by a kill."""

import math
import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from made_frames import MadeSource
from made_trainings import (
    ALWAYS,
    CHUNKS,
    CLIPS,
    SETTINGS,
    UPDATES,
    VIEW,
    DyingSource,
    Killed,
    made_network,
    outcome_of,
    same,
    train,
    update_lines,
)
from torch import nn

from recurrent_residual.backbone import build_backbone
from recurrent_residual.code_inputs import SOURCE
from recurrent_residual.engine import EngineSettings
from recurrent_residual.training.schedule import Epoch, micro_batches, split_evenly


def test_equal_seeds_give_equal_weights_and_other_seeds_others(tmp_path) -> None:
    first, again, other = (outcome_of(tmp_path / str(i), seed=seed) for i, seed in enumerate((1, 1, 2)))
    assert same(first, again)
    assert not same(first, other)


@pytest.mark.parametrize("life", [40, 75, 120, 170])
def test_a_killed_training_ends_as_if_nothing_had_happened(tmp_path, life: int) -> None:
    """Bit for bit, whether it dies in the first epoch or between two updates of a later one."""
    undisturbed = outcome_of(tmp_path / "a")
    with pytest.raises(Killed):
        train(tmp_path / "b", DyingSource(life), engine=ALWAYS)
    resumed = MadeSource(CLIPS)
    assert same(outcome_of(tmp_path / "b", resumed), undisturbed)
    assert len(resumed.asked) < 3 * 2 * len(CHUNKS)  # it went on, and did not begin again


def test_an_update_comes_after_the_given_share_of_the_chunks() -> None:
    """UCF-101, split 1, chunks of two: 100 updates of 884 or 885 chunks an epoch."""
    assert replace(SETTINGS, update_fraction=0.01).updates(88_452) == 100
    assert {len(r) for r in split_evenly(range(88_452), 100)} == {884, 885}
    assert replace(SETTINGS, update_fraction=0.01).updates(5) == 5
    assert replace(SETTINGS, update_fraction=None, batch=16).updates(33) == 3


def test_a_micro_batch_is_counted_in_frames_and_by_itself_that_of_the_batch_norm() -> None:
    assert replace(SETTINGS, micro_batch="auto").frames_at_once == 128
    assert replace(SETTINGS, micro_batch="auto", batch_norm="frozen").frames_at_once == 512
    assert replace(SETTINGS, micro_batch=7).frames_at_once == 7


class Watched(nn.Module):
    """Notes the shape of what goes through a network."""

    def __init__(self) -> None:
        super().__init__()
        self.network, self.shapes = made_network(), []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.shapes.append(tuple(x.shape))
        return self.network(x)


@pytest.mark.parametrize(("frames", "chunks"), [(1, 1), (2, 1), (5, 2), (6, 3), (1000, len(CHUNKS) // 5)])
def test_no_more_frames_go_through_the_network_at_once_than_are_to(tmp_path, frames: int, chunks: int) -> None:
    """But at least one chunk."""
    watched = Watched()
    train(tmp_path, network=watched, settings=replace(SETTINGS, micro_batch=frames, epochs=1, batch_norm="frozen"))
    assert max(shape[0] for shape in watched.shapes) == chunks
    assert {shape[1:] for shape in watched.shapes} == {(2, 3, 16, 16)}


@given(count=st.integers(1, 300), updates=st.integers(1, 40), micro=st.integers(1, 40))
def test_micro_batches_cover_every_chunk_once_and_span_no_update(count: int, updates: int, micro: int) -> None:
    """And no micro-batch is a sliver: an update's parts differ by at most one chunk."""
    updates = min(count, updates)
    epoch = Epoch(list(range(count)), torch.zeros(count, 4))
    pairs = [(update, part) for update in epoch.updates(updates) for part in micro_batches(update, micro)]
    assert [i for _, part in pairs for i in part] == list(range(count))
    for update, part in pairs:
        assert update.start <= part.start < part.stop <= update.stop and len(part) <= micro
        assert len(part) >= len(update) // math.ceil(len(update) / micro)
    assert len({update for update, _ in pairs}) == updates


def test_epochs_differ_in_order_and_windows() -> None:
    first, second = (Epoch.draw(50, VIEW, seed=1, epoch=epoch) for epoch in (0, 1))
    assert first.order != second.order and not torch.equal(first.windows, second.windows)


def test_accumulated_gradients_are_those_of_the_whole_update(tmp_path) -> None:
    """With frozen batch norm, the size of the micro-batch changes nothing but rounding."""
    frozen = replace(SETTINGS, batch_norm="frozen", epochs=1)
    whole, _ = train(tmp_path / "a", settings=frozen)
    parts, _ = train(tmp_path / "b", settings=replace(frozen, micro_batch=4))
    for key, value in whole.state_dict().items():
        torch.testing.assert_close(value, parts.state_dict()[key], rtol=2e-3, atol=2e-4, msg=key)


def test_frozen_batch_norm_keeps_its_statistics(tmp_path) -> None:
    torch.manual_seed(1)
    start = build_backbone("small-8", classes=3).state_dict()
    for mode in ("frozen", "train"):
        net, _ = train(tmp_path / mode, settings=replace(SETTINGS, batch_norm=mode, epochs=1))
        state = net.backbone.state_dict()
        assert torch.equal(state["bn1.running_mean"], start["bn1.running_mean"]) == (mode == "frozen")
        assert not torch.equal(state["conv1.weight"], start["conv1.weight"])


def test_it_learns(tmp_path) -> None:
    """Three classes that brightness tells apart: the training error falls far below chance."""
    settings = replace(SETTINGS, epochs=20, update_fraction=0.5, learning_rate=3e-3)
    _, progress = train(tmp_path, settings=settings)
    errors = [line["error"] for line in progress.history]
    assert [line["epoch"] for line in progress.history] == list(range(1, 21))
    assert progress.updates == 40
    assert errors[-1] < 0.2 < errors[0]


def test_the_lines_of_an_epochs_updates_add_up_to_its_line(tmp_path) -> None:
    _, progress = train(tmp_path)
    lines = update_lines(tmp_path)
    assert [line["update"] for line in lines] == list(range(1, UPDATES + 1))
    for epoch in progress.history:
        own = [line for line in lines if line["epoch"] == epoch["epoch"]]
        assert sum(line["loss"] for line in own) / len(own) == pytest.approx(epoch["loss"])
        assert sum(line["error"] for line in own) / len(own) == pytest.approx(epoch["error"])
    assert all(line["gradient_norm"] > 0 and line["learning_rate"] == SETTINGS.learning_rate for line in lines)


class Forgetful(nn.Module):
    """A network that draws: dropout before the classes."""

    def __init__(self) -> None:
        super().__init__()
        self.network = made_network()
        self.network.backbone.avgpool = nn.Sequential(self.network.backbone.avgpool, nn.Dropout(0.5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.network(x)


def test_what_a_network_draws_is_drawn_again_after_a_kill(tmp_path) -> None:
    undisturbed = outcome_of(tmp_path / "a", network=Forgetful())
    with pytest.raises(Killed):
        train(tmp_path / "b", DyingSource(100), network=Forgetful(), engine=ALWAYS)
    torch.rand(7)
    assert same(outcome_of(tmp_path / "b", network=Forgetful()), undisturbed)
    assert not same(outcome_of(tmp_path / "c", network=Forgetful().eval(), seed=2), undisturbed)


def disturb(network: nn.Module) -> dict[str, float]:
    """What an evaluation may do to a network, and more."""
    network.eval()
    torch.rand(3)
    for buffer in network.buffers():
        buffer.zero_()
    return {"held_out_error": 0.25}


def test_what_is_called_at_an_epochs_end_adds_to_its_line_and_disturbs_nothing(tmp_path) -> None:
    weights, history, updates = outcome_of(tmp_path / "a")
    seen = []

    def on_epoch(network: nn.Module) -> dict[str, float]:
        seen.append({key: value.clone() for key, value in network.state_dict().items()})
        return disturb(network)

    called = outcome_of(tmp_path / "b", on_epoch=on_epoch)
    assert same((weights, [{**line, "held_out_error": 0.25} for line in history], updates), called)
    assert len(seen) == 3 and all(torch.equal(seen[-1][key], weights[key]) for key in weights)


def test_a_kill_at_an_epochs_end_calls_again_what_had_not_ended(tmp_path) -> None:
    undisturbed = outcome_of(tmp_path / "a", on_epoch=disturb)

    def die(network: nn.Module) -> dict[str, float]:
        raise Killed

    with pytest.raises(Killed):
        train(tmp_path / "b", engine=ALWAYS, on_epoch=die)
    resumed = MadeSource(CLIPS)
    assert same(outcome_of(tmp_path / "b", resumed, on_epoch=disturb), undisturbed)
    assert len(resumed.asked) == 2 * 2 * len(CHUNKS)  # nothing of the first epoch was done again


def test_a_compiled_training_keeps_the_networks_names_and_weights(tmp_path, monkeypatch) -> None:
    """The compiler itself is replaced by one that changes nothing, for it takes minutes."""
    monkeypatch.setattr(torch, "compile", _eager := _Compiler(torch.compile))
    plain = outcome_of(tmp_path / "a")
    assert not _eager.called
    compiled = outcome_of(tmp_path / "b", engine=EngineSettings(compile=True))
    assert _eager.called == [{"dynamic": False}]
    assert plain[0].keys() == compiled[0].keys()
    for key, value in plain[0].items():
        torch.testing.assert_close(value, compiled[0][key], rtol=1e-3, atol=1e-4, msg=key)


class _Compiler:
    def __init__(self, compiler) -> None:
        self.compiler, self.called = compiler, []

    def __call__(self, network, **options):
        self.called.append(options)
        return self.compiler(network, backend="aot_eager", **options)


def test_deterministic_algorithms_are_a_setting_of_the_training_only(tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    within = []
    train(
        tmp_path,
        settings=replace(SETTINGS, epochs=1, deterministic=True),
        on_epoch=lambda _: within.append(torch.are_deterministic_algorithms_enabled()) or {},
    )
    assert within == [True] and not torch.are_deterministic_algorithms_enabled()


def test_a_change_of_machine_goes_on_and_is_told(tmp_path, capsys) -> None:
    with pytest.raises(Killed):
        train(tmp_path, DyingSource(100), engine=ALWAYS)
    file = tmp_path / "checkpoint.pt"
    content = torch.load(file, weights_only=True)
    content["state"]["machine"] = "an abacus"
    torch.save(content, file)
    capsys.readouterr()
    _, progress = train(tmp_path)
    told = capsys.readouterr().err
    assert "resumed after" in told and "an abacus" in told and "may differ" in told
    assert (progress.starts, progress.updates) == (2, UPDATES)


def test_cost_and_speed_are_counted_over_all_starts(tmp_path) -> None:
    with pytest.raises(Killed):
        train(tmp_path, DyingSource(100), engine=ALWAYS)
    before = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["state"]["progress"]
    _, progress = train(tmp_path)
    assert 0 < before["seconds"] < progress.seconds and before["starts"] == 1 and progress.starts == 2
    assert progress.peak_memory >= before["peak_memory"] > 50e6  # bytes: Python and torch alone are more
    assert progress.joules is None  # nobody counts a processor's
    line = progress.history[-1]
    assert line["frames_per_second"] == pytest.approx(2 * len(CHUNKS) / line["seconds"], rel=0.05)


def test_the_training_needs_nothing_that_a_gpu_machine_may_lack() -> None:
    """Neither PyAV nor Snakemake, and TensorBoard's writer only where it is wanted."""
    lacking = ("av", "snakemake", "simplejpeg", "safetensors", "pyarrow", "tqdm", "jsonschema", "yaml", "tensorboardX")
    program = f"import sys; sys.modules.update(dict.fromkeys({lacking})); import recurrent_residual.training.loop"
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert printed.stderr == "" and printed.returncode == 0
