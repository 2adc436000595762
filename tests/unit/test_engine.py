"""Protects the settings of how the work is done: their defaults, and a compiler that fails."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from made_trainings import outcome_of, same
from torch import Tensor, nn

from recurrent_residual.config import resolve_config
from recurrent_residual.engine import EngineSettings
from recurrent_residual.errors import UserError
from recurrent_residual.training.compiling import PAYS_FROM_FRAMES, Forward

GPU, CPU = torch.device("cuda"), torch.device("cpu")


def test_a_script_without_settings_does_as_the_configuration_does() -> None:
    assert EngineSettings.of({}) == EngineSettings.of(resolve_config({})["engine"])


def test_an_unknown_setting_is_refused() -> None:
    with pytest.raises(UserError, match="'maxminutes'; there are .*max_minutes"):
        EngineSettings.of({"maxminutes": 3})


class FailingCompiler:
    """Fails when the network is called, or not before its gradient is wanted: torch compiles that later."""

    def __init__(self, *, backward: bool) -> None:
        self.backward, self.calls = backward, 0

    def fail(self, *_: object) -> None:
        self.calls += 1
        raise RuntimeError("no C compiler\nwith a long story")

    def __call__(self, network: nn.Module, **_: object) -> Callable[[Tensor], Tensor]:
        def forward(x: Tensor) -> Tensor:
            if not self.backward:
                self.fail()
            y = network(x)
            y.register_hook(self.fail)
            return y

        return forward


def test_compiled_on_a_gpu_where_it_is_worth_it(monkeypatch) -> None:
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda network, **_: compiled.append(1) or network)
    network = nn.Linear(2, 2)
    for setting, frames, device, deterministic in (
        ("auto", PAYS_FROM_FRAMES, CPU, False),
        ("auto", PAYS_FROM_FRAMES - 1, GPU, False),
        ("auto", PAYS_FROM_FRAMES, GPU, True),
        (False, PAYS_FROM_FRAMES, GPU, False),
    ):
        forward = Forward(network, setting, frames=frames, device=device, deterministic=deterministic)
        assert "not compiled" in forward.how and not compiled
    assert "not compiled" not in Forward(network, "auto", frames=PAYS_FROM_FRAMES, device=GPU).how
    assert "not compiled" not in Forward(network, True, frames=1, device=CPU).how
    assert len(compiled) == 2


def test_auto_lets_the_network_itself_find_what_the_memory_holds(monkeypatch) -> None:
    """The first update of a start, so that no size is compiled that does not fit."""
    monkeypatch.setattr(torch, "compile", lambda network, **_: lambda x: -network(x))
    network, x = nn.Linear(2, 2), torch.ones(1, 2)
    auto, always = (Forward(network, setting, frames=PAYS_FROM_FRAMES, device=GPU) for setting in ("auto", True))
    assert torch.equal(auto(x, first=True), network(x)) and torch.equal(auto(x, first=False), -network(x))
    assert torch.equal(always(x, first=True), -network(x))


@pytest.mark.parametrize("backward", [False, True])
def test_without_a_compiler_that_works_a_training_goes_on_without(monkeypatch, tmp_path, capsys, backward) -> None:
    """With the weights of one that never tried, in one line, and it is not tried again."""
    undisturbed = outcome_of(tmp_path / "a")
    compiler = FailingCompiler(backward=backward)
    monkeypatch.setattr(torch, "compile", compiler)
    forward = partial(Forward, setting="auto")

    def on_a_gpu(network: nn.Module, _: object, **options: object) -> Forward:
        return forward(network, **{**options, "device": GPU, "frames": PAYS_FROM_FRAMES})

    monkeypatch.setattr("recurrent_residual.training.loop.Forward", on_a_gpu)
    assert same(outcome_of(tmp_path / "b"), undisturbed)
    assert compiler.calls == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "not compiled: RuntimeError" in line]
    assert "no C compiler" in line and "long story" not in line


def test_an_error_of_the_network_itself_is_not_hidden() -> None:
    forward = Forward(nn.Linear(2, 2), False, frames=1, device=CPU)
    assert not forward.gives_up(ValueError("wrong shape"))


def test_the_same_pixels_twice_where_the_same_bits_are_wanted() -> None:
    """Which decoder "auto" finds the faster is not the same twice; one that is asked for is taken."""
    auto, gpu = (EngineSettings(decoder=setting) for setting in ("auto", "gpu"))
    assert (auto.decoder_for(deterministic=True), auto.decoder_for(deterministic=False)) == ("cpu", "auto")
    assert gpu.decoder_for(deterministic=True) == "gpu"
