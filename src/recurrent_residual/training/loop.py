"""Training a network end to end: one plain loop (Section 3.3 and 4: Adam, an update after 1 % of the data)."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import asdict
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from recurrent_residual.chunks import Chunk, JpegSource
from recurrent_residual.device import autocast, place
from recurrent_residual.engine import EngineSettings
from recurrent_residual.errors import UserError
from recurrent_residual.loader import Request, load_views
from recurrent_residual.memory import halved, is_out_of_memory, memory
from recurrent_residual.messages import say
from recurrent_residual.provenance import hardware
from recurrent_residual.training.batch_norm import RunningStatistics, set_training_mode
from recurrent_residual.training.checkpoint import load_checkpoint, save_checkpoint
from recurrent_residual.training.compiling import Forward
from recurrent_residual.training.determinism import algorithms
from recurrent_residual.training.divergence import diverged, divergence
from recurrent_residual.training.interrupt import Interrupts, Unfinished
from recurrent_residual.training.leftovers import previous
from recurrent_residual.training.lock import alone_in
from recurrent_residual.training.progress import Progress
from recurrent_residual.training.reporter import Reporter
from recurrent_residual.training.schedule import Epoch, micro_batches
from recurrent_residual.training.settings import TrainingSettings
from recurrent_residual.training.tensorboard import EventFiles
from recurrent_residual.training.update_log import UpdateLog
from recurrent_residual.views import ViewSettings

NOT_DETERMINISTIC = "does not have a deterministic implementation"  # how torch says so


def train_network(
    network: nn.Module,
    chunks: list[Chunk],
    source: JpegSource,
    *,
    name: str,
    settings: TrainingSettings,
    engine: EngineSettings,
    view: ViewSettings,
    seed: int,
    device: torch.device,
    workers: int,
    checkpoint: Path,
    fingerprint: str,
    on_epoch: Callable[[nn.Module], dict[str, float]] | None = None,
) -> Progress:
    """Train `network` (chunks (B, reads, 3, H, W) -> log-probabilities (B, classes)) in place.

    A run that was stopped or killed goes on from `checkpoint`, if that has this `fingerprint`, and ends with the
    weights and history of one that was not (bit for bit on the CPU with the same number of threads). The last
    checkpoint stays until a later job has seen what came of it (`leftovers`). Beside it stands updates.jsonl, a line
    an update.

    Args:
        network: to train.
        chunks: of one length, all that a chunk's network reads.
        source: of their frames.
        name: of the training, for messages.
        settings: what is trained; the result depends on them.
        engine: how; the result does not depend on it but for rounding.
        view: the input's sizes and augmentation.
        seed: of order, windows and whatever a network draws; the same for every start.
        device: where the work is done.
        workers: threads that load frames.
        checkpoint: the file; the folder is made where it is not there.
        fingerprint: of all that the training depends on (`checkpoint.fingerprint`).
        on_epoch: called at the end of each epoch with `network`; what it returns stands in the epoch's line.

    Raises:
        Diverged: a loss or gradient that is not finite, or a loss that explodes.
        Unfinished: a signal or engine.max_minutes stopped it; its state is saved.
        UserError: not even one chunk fits into the memory.
        OSError: at the end, the disk does not take updates.jsonl.
    """
    reads, updates = len(chunks[0].frames), settings.updates(len(chunks))
    largest = -(-len(chunks) // updates)  # update, in chunks
    classes = max(chunk.label for chunk in chunks) + 1
    folder = checkpoint.parent
    decoder = engine.decoder_for(deterministic=settings.deterministic)
    with ExitStack() as stack:
        stack.enter_context(alone_in(folder))
        interrupts = stack.enter_context(Interrupts(engine.max_minutes))
        stack.enter_context(algorithms(deterministic=settings.deterministic, device=device))
        place(network, device)
        optimiser = torch.optim.Adam(network.parameters(), lr=settings.learning_rate, fused=True)
        progress = Progress(micro_batch=settings.frames_at_once)
        threads = f", {torch.get_num_threads()} threads" if device.type == "cpu" else ""
        machine = f"{hardware(device)}{threads}, torch {torch.__version__}"
        if (state := load_checkpoint(checkpoint, of=fingerprint)) is not None:
            network.load_state_dict(state["network"])
            if state["optimiser"] is not None:
                optimiser.load_state_dict(state["optimiser"])
            progress = Progress(**state["progress"])
            say(f"{name}: resumed after {progress.epoch} epochs and {progress.update} updates")
            if state["machine"] != machine:
                say(f"{name}: the last bits may differ: the checkpoint is of {state['machine']}, this is {machine}")
        del state  # three times the network's size
        progress.starts += 1
        progress.machines = [*progress.machines, *({machine} - set(progress.machines))]
        first_update = progress.updates
        set_training_mode(network, batch_norm=settings.batch_norm)
        statistics = RunningStatistics(network)
        all_frames = settings.epochs * len(chunks) * reads
        deterministic = settings.deterministic
        forward = Forward(network, engine.compile, frames=all_frames, device=device, deterministic=deterministic)
        say(f"{name}: {forward.how}")
        log = stack.enter_context(closing(UpdateLog(folder / "updates.jsonl", updates=progress.updates)))
        curves = stack.enter_context(closing(EventFiles(folder, wanted=engine.tensorboard, updates=progress.updates)))
        reporter = Reporter(
            name,
            progress,
            epochs=settings.epochs,
            updates=updates,
            chunks=len(chunks),
            reads=reads,
            seconds=engine.progress_seconds,
            device=device,
        )
        saved = time.monotonic()

        def save() -> str:
            """Write a checkpoint, and say in words what came of it: a full disk stops nothing."""
            nonlocal saved
            saved = time.monotonic()
            reporter.measure()
            ended = progress.epoch == settings.epochs  # what stays until the test needs no optimiser
            adam = None if ended else optimiser.state_dict()
            state = {"network": network.state_dict(), "optimiser": adam, "progress": asdict(progress)}
            curves.flush()
            try:
                log.sync()
                save_checkpoint(checkpoint, {**state, "machine": machine}, of=fingerprint)
            except OSError as error:
                say(f"{checkpoint}: not saved ({error}); training goes on")
                return "not saved since the last checkpoint"
            if ended:
                previous(checkpoint).unlink(missing_ok=True)
            return "saved"

        def stop_if_asked() -> None:
            if (reason := interrupts.reason(worked=progress.updates > first_update)) is not None:
                statistics.restore()
                where = f"{name}: {reason.words} in {progress.place}"
                raise Unfinished(f"{where}; {save()}, the same command goes on", reason.status)

        while progress.epoch < settings.epochs:
            epoch = Epoch.draw(len(chunks), view, seed=seed, epoch=progress.epoch)
            ordered = [chunks[i] for i in epoch.order]
            labels = torch.tensor([chunk.label for chunk in ordered]).to(device)
            todo = epoch.updates(updates)[progress.update :]
            at_once = max(1, progress.micro_batch // reads)
            requests = (
                Request(ordered[part.start : part.stop], epoch.windows[part.start : part.stop])
                for update in todo
                for part in micro_batches(update, at_once)
            )
            views = load_views(source, requests, view=view, device=device, workers=workers, decoder=decoder)
            again = False
            out_of_memory: str | None = None
            try:
                for update in todo:
                    # What a network draws (dropout) is a function of seed and update, as order and windows are.
                    torch.manual_seed(seed * 100_003 + progress.updates)
                    losses, wrong = [], []
                    for part in micro_batches(update, at_once):
                        stop_if_asked()
                        with autocast(device):
                            log_probabilities = forward(next(views), first=progress.updates == first_update)
                        y = labels[part.start : part.stop]
                        loss = F.nll_loss(log_probabilities, y, reduction="sum")
                        (loss / len(update)).backward()
                        losses.append(loss.detach())
                        wrong.append((log_probabilities.argmax(dim=1) != y).sum())
                    norm = nn.utils.get_total_norm([p.grad for p in network.parameters() if p.grad is not None])
                    # The only time in an update that the processor waits for the GPU.
                    loss_sum, mistakes, gradient_norm = torch.stack(
                        [torch.stack(losses).double().sum(), torch.stack(wrong).sum().double(), norm.double()]
                    ).tolist()
                    line = {
                        "loss": loss_sum / len(update),
                        "error": mistakes / len(update),
                        "gradient_norm": gradient_norm,
                        "learning_rate": settings.learning_rate,
                    }
                    if (what := divergence(line["loss"], gradient_norm, classes)) is not None:
                        statistics.restore()
                        raise diverged(
                            what,
                            where=f"{name}: {progress.place}",
                            numbers=line,
                            batch=ordered[update.start : update.stop],
                            file=folder / "diverged.pt",
                            windows=epoch.windows[update.start : update.stop],
                            losses=torch.stack(losses),
                            network=network.state_dict(),
                            optimiser=optimiser.state_dict(),
                            progress=progress,
                        )
                    optimiser.step()
                    optimiser.zero_grad(set_to_none=True)
                    statistics.keep()
                    progress.count(chunks=len(update), loss_sum=loss_sum, wrong=round(mistakes), seconds=reporter.lap())
                    done = {"epoch": progress.epoch + 1, "update": progress.updates}
                    log.append({**done, **line, "seconds": round(progress.seconds, 3)})
                    curves.add("update", line, step=progress.updates)
                    reporter.tell()
                    if time.monotonic() - saved >= 60 * engine.checkpoint_minutes:
                        save()
            except UserError:
                raise
            except Exception as error:
                if NOT_DETERMINISTIC in str(error):
                    reason = str(error).partition(".")[0]
                    raise UserError(f"{name}: training.deterministic: {reason}; set it to false") from error
                out_of_memory = str(error).partition("\n")[0] if is_out_of_memory(error) else None
                if out_of_memory is None and not forward.gives_up(error):
                    raise
                again = True  # below, where the exception no longer holds on to the memory
            finally:
                views.close()
            if again:  # the update, from its beginning
                statistics.restore()
                optimiser.zero_grad(set_to_none=True)
                if progress.updates == 0:  # a first step that failed has left half of the optimiser's state
                    optimiser.state.clear()
            if out_of_memory is not None:
                before = reads * min(at_once, largest)
                half = halved(at_once, update=largest, reads=reads, device=device, reason=out_of_memory)
                progress.micro_batch = reads * half
                if device.type == "cuda":
                    torch.cuda.empty_cache()
                    torch.cuda.reset_peak_memory_stats(device)
                own = "; batch norm's statistics are of so many from now on" if settings.batch_norm == "train" else ""
                say(
                    f"{name}: {memory(device)} does not hold {before} frames at once; {progress.place} is done again "
                    f"with {progress.micro_batch}{own}"
                )
            if again:
                continue
            more: dict[str, float] = {}
            if on_epoch is not None:
                stop_if_asked()
                more = on_epoch(network)
                set_training_mode(network, batch_norm=settings.batch_norm)
                statistics.restore()
                progress.seconds += reporter.lap()
            progress.close_epoch(reads=reads, more=more)
            last = progress.history[-1]
            curves.add("epoch", {k: v for k, v in last.items() if k not in ("epoch", "updates")}, step=progress.updates)
            if progress.epoch == settings.epochs or time.monotonic() - saved >= 60 * engine.checkpoint_minutes:
                save()
        log.sync()
        return progress
