"""Protects what a training goes on from: damaged files, foreign files, full disks."""

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from made_frames import MadeSource
from made_trainings import (
    ALWAYS,
    CHUNKS,
    CLIPS,
    UPDATES,
    DyingSource,
    Killed,
    network_with,
    outcome_of,
    same,
    train,
    update_lines,
)

from recurrent_residual.errors import UserError
from recurrent_residual.training.checkpoint import (
    fingerprint,
    load_checkpoint,
    save_checkpoint,
)
from recurrent_residual.training.leftovers import previous, remove_checkpoint

ALL_FRAMES = 3 * 2 * len(CHUNKS)


@pytest.fixture(scope="module")
def killed(tmp_path_factory) -> Path:
    """The folder of a training that died in its second epoch, with both generations of checkpoints."""
    folder = tmp_path_factory.mktemp("killed")
    with pytest.raises(Killed):
        train(folder, DyingSource(120), engine=ALWAYS)
    assert sorted(path.name for path in folder.glob("*.pt")) == ["checkpoint-previous.pt", "checkpoint.pt"]
    return folder


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> tuple:
    return outcome_of(tmp_path_factory.mktemp("undisturbed"))


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:1000])


def flip(file: Path) -> None:
    """One bit of a weight, which `torch.load` would take as it is."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 64
    torch.load(file, weights_only=True)
    file.write_bytes(content)


def empty(file: Path) -> None:
    file.write_bytes(b"")


@pytest.mark.parametrize("damage", [truncate, flip, empty])
def test_a_damaged_checkpoint_costs_an_update_and_not_the_training(killed, undisturbed, tmp_path, damage, capsys):
    folder = Path(shutil.copytree(killed, tmp_path / "run"))
    damage(folder / "checkpoint.pt")
    source = MadeSource(CLIPS)
    assert same(outcome_of(folder, source), undisturbed)
    told = capsys.readouterr().err.splitlines()
    assert "checkpoint.pt: damaged (" in told[0] and told[0].endswith("trying checkpoint-previous.pt")
    assert len(source.asked) < ALL_FRAMES


def test_with_both_damaged_it_begins_anew_and_says_so(killed, undisturbed, tmp_path, capsys) -> None:
    folder = Path(shutil.copytree(killed, tmp_path / "run"))
    truncate(folder / "checkpoint.pt")
    flip(folder / "checkpoint-previous.pt")
    source = MadeSource(CLIPS)
    assert same(outcome_of(folder, source), undisturbed)
    told = capsys.readouterr().err.splitlines()
    assert "damaged" in told[0] and "checkpoint-previous.pt: damaged" in told[1] and "from the beginning" in told[1]
    assert len(source.asked) == ALL_FRAMES


def test_no_flipped_bit_is_ever_taken_for_a_weight(tmp_path) -> None:
    """Wherever it lies: either nothing is changed by it, or the file is refused."""
    file = tmp_path / "checkpoint.pt"
    state = {"a": torch.arange(300.0), "progress": {"epoch": 1, "loss": 0.5}}
    save_checkpoint(file, state, of="x")
    sound, generator = file.read_bytes(), random.Random(1)
    refused = 0
    for _ in range(300):
        content = bytearray(sound)
        content[generator.randrange(len(content))] ^= 1 << generator.randrange(8)
        file.write_bytes(content)
        loaded = load_checkpoint(file, of="x")
        refused += loaded is None
        assert loaded is None or (torch.equal(loaded["a"], state["a"]) and loaded["progress"] == state["progress"])
    assert refused > 150


def test_another_trainings_checkpoint_is_left_alone(killed, undisturbed, tmp_path, capsys) -> None:
    folder = Path(shutil.copytree(killed, tmp_path / "run"))
    assert same(outcome_of(folder, fingerprint="other"), undisturbed)
    assert f"{folder / 'checkpoint.pt'}: belongs to other settings" in capsys.readouterr().err


def test_a_kill_between_the_two_renames_leaves_a_generation(killed, undisturbed, tmp_path) -> None:
    folder = Path(shutil.copytree(killed, tmp_path / "run"))
    os.replace(folder / "checkpoint.pt", folder / "checkpoint-previous.pt")
    source = MadeSource(CLIPS)
    assert same(outcome_of(folder, source), undisturbed)
    assert len(source.asked) < ALL_FRAMES


def test_the_newest_of_two_generations_is_taken_and_the_older_kept(tmp_path) -> None:
    file = tmp_path / "checkpoint.pt"
    for number in range(4):
        save_checkpoint(file, {"number": number}, of="x")
    assert load_checkpoint(file, of="x") == {"number": 3} and load_checkpoint(previous(file), of="x") == {"number": 2}
    remove_checkpoint(tmp_path)
    assert not list(tmp_path.iterdir())
    remove_checkpoint(tmp_path)


def test_a_finished_training_whose_outputs_were_removed_is_not_done_again(tmp_path) -> None:
    """Snakemake does that when it was killed alone and the training went on."""
    first = outcome_of(tmp_path)
    source = MadeSource(CLIPS)
    assert same(outcome_of(tmp_path, source), first) and not source.asked


def test_two_trainings_in_one_folder_are_refused(tmp_path) -> None:
    """And the second one harms nothing of the first, which is alone again afterwards."""
    undisturbed = outcome_of(tmp_path / "a")

    def second() -> None:
        with pytest.raises(UserError, match="another process trains here"):
            train(tmp_path / "b")

    assert same(outcome_of(tmp_path / "b", network=network_with({8: second})), undisturbed)
    train(tmp_path / "b")


def test_what_killed_processes_left_half_written_is_removed(tmp_path) -> None:
    for name in (".checkpoint.pt.part-1", ".weights.safetensors.part-22"):
        (tmp_path / name).write_bytes(b"half")
    train(tmp_path)
    assert not list(tmp_path.glob(".*"))


def test_a_fingerprint_is_of_every_part_and_of_the_code(tmp_path, monkeypatch) -> None:
    file = tmp_path / "data"
    file.write_text("1")
    first = fingerprint("settings", file)
    assert fingerprint("settings", file) == first != fingerprint("other settings", file)
    file.write_text("2")
    assert fingerprint("settings", file) != first
    edited = tmp_path / "loop.py"
    edited.write_text("edited")
    second = fingerprint("settings", file)
    monkeypatch.setattr(sys.modules["recurrent_residual.training.loop"], "__file__", str(edited))
    assert fingerprint("settings", file) != second


def fill(disk: Path) -> None:
    """Until nothing more goes onto it."""
    with open(disk / "ballast", "wb", buffering=0) as file, pytest.raises(OSError):
        while True:
            file.write(bytes(4096))


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 12 megabytes; skips where this process may not mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("may not mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_stops_nothing(small_disk, undisturbed, capsys) -> None:
    """Training goes on, the old checkpoint is as it was, and every line of updates.jsonl is there in the end."""
    kept = []

    def keep() -> None:
        kept.append((small_disk / "checkpoint.pt").read_bytes())

    network = network_with(
        {7: lambda: (fill(small_disk), keep()), 12: lambda: (keep(), (small_disk / "ballast").unlink())}
    )
    assert same(outcome_of(small_disk, network=network, engine=ALWAYS), undisturbed)
    told = capsys.readouterr().err
    assert kept[0] == kept[1] and told.count("not saved") == 6  # updates 7 to 11, epoch 2
    assert "checkpoint.pt: not saved ([Errno 28] No space left on device" in told
    assert load_checkpoint(small_disk / "checkpoint.pt", of="x")["progress"]["updates"] == UPDATES
    assert not list(small_disk.glob(".*"))


def test_a_disk_that_takes_no_large_file_stops_nothing(tmp_path, undisturbed, capsys) -> None:
    """The same without a disk of its own: the process may write no file as large as a checkpoint."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    def limit(size: int):
        return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))

    try:
        network = network_with({7: limit(20_000), 12: limit(before[0])})
        assert same(outcome_of(tmp_path, network=network, engine=ALWAYS), undisturbed)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert "checkpoint.pt: not saved ([Errno 27] File too large" in capsys.readouterr().err
    assert load_checkpoint(tmp_path / "checkpoint.pt", of="x")["progress"]["updates"] == UPDATES


def test_a_kill_while_the_disk_is_full_goes_on_from_the_checkpoint_before(small_disk, undisturbed) -> None:
    def die() -> None:
        raise Killed

    with pytest.raises(Killed):
        train(small_disk, network=network_with({7: lambda: fill(small_disk), 12: die}), engine=ALWAYS)
    (small_disk / "ballast").unlink()
    assert len(update_lines(small_disk)) < UPDATES
    assert same(outcome_of(small_disk), undisturbed)
