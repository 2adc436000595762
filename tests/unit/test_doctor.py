"""Protects the doctor: it finds what is lacking, names the remedy, never crashes, and asks mirrors as they are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from recurrent_residual.code_inputs import SOURCE
from recurrent_residual.datasets import dataset
from recurrent_residual.doctor import data, machine
from recurrent_residual.doctor import plan as plan_module
from recurrent_residual.doctor.estimates import GB, estimate
from recurrent_residual.doctor.examination import examine
from recurrent_residual.doctor.network import File, mirrors, probe
from recurrent_residual.doctor.plan import Plan, make_plan
from recurrent_residual.doctor.rows import Row, checked, table
from recurrent_residual.fetch.mirrors import Mirror
from recurrent_residual.weights_source import WeightsSource

REPOSITORY = SOURCE.parent
CLASSES = ["Archery", "Juggling"]  # one is none of UCF-101: our own lists
CONTENT = b"0123456789"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch) -> Path:
    """An empty repository, but for the real configuration, as the working folder."""
    (tmp_path / "config").symlink_to(REPOSITORY / "config")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def configure(checkout: Path, **sections: Any) -> Path:
    file = checkout / "my.yaml"
    file.write_text(json.dumps(sections))
    return file


def make_local(checkout: Path, clips: int = 7) -> Path:
    """A folder of two classes in the layout of UCF-101, with lists; the configuration that uses it."""
    lists, videos = checkout / "lists", checkout / "videos"
    lists.mkdir()
    names = [f"{name}/v_{name}_g{group:02d}_c01.avi" for name in CLASSES for group in range(1, 5)]
    (lists / "classInd.txt").write_text("".join(f"{i} {name}\r\n" for i, name in enumerate(CLASSES, 1)))
    for split in (1, 2, 3):
        test = [name for name in names if f"_g{split:02d}" in name]
        train = [f"{name} {CLASSES.index(name.split('/')[0]) + 1}" for name in names if name not in test]
        (lists / f"testlist{split:02d}.txt").write_text("\r\n".join(test))
        (lists / f"trainlist{split:02d}.txt").write_text("\r\n".join(train))
    for name in names[:clips]:
        (videos / name).parent.mkdir(parents=True, exist_ok=True)
        (videos / name).touch()
    places = {"name": "mine", "source": "local", "videos": "videos", "lists": "lists"}
    return configure(checkout, dataset=places, backbone={"architecture": "small-16", "weights": "stills"})


def found(rows: list[Row], what: str) -> Row:
    matching = [row for row in rows if row.what == what]
    assert len(matching) == 1, (what, rows)
    return matching[0]


def look(*configfiles: Path) -> list[Row]:
    return examine(configfiles, repository=REPOSITORY, offline=True).rows


# The table


def test_the_table_keeps_to_the_terminals_width_and_loses_no_word() -> None:
    rows = [
        Row("disk", "75 GB free for resources/ and results/ " * 3, "about 28.2 GB more " * 4, "ok"),
        Row("a", "b", "c", "lack", "pip install something --with-a-very-long-command-line"),
    ]
    for width in (60, 80, 200):
        text, _, remedies = table(rows, width).partition("\n\n")
        assert max(map(len, text.splitlines())) <= width
        words = text.split()
        assert words.count("resources/") == 3 and words.count("28.2") == 4
        assert rows[1].remedy in remedies


def test_a_check_that_fails_is_a_row() -> None:
    """Whatever is broken on a machine must not keep the doctor from the rest."""
    (row,) = checked("GPU", lambda: [][1], "lack")
    assert (row.what, row.status) == ("GPU", "lack") and "IndexError" in row.found


def test_every_lack_has_a_remedy(checkout: Path, monkeypatch) -> None:
    """On a machine with no program at all, with videos missing and no GPU."""
    monkeypatch.setenv("PATH", "/none")
    make_local(checkout, clips=3)
    config = configure(
        checkout,
        dataset={"name": "mine", "source": "local", "videos": "videos", "lists": "lists"},
    )
    examination = examine([config], repository=REPOSITORY, offline=True)
    lacks = [row for row in examination.rows if row.status == "lack"]
    assert {"videos"} <= {row.what for row in lacks}
    assert all(row.remedy for row in lacks) and not examination.can_start


# The command line


def run(*arguments: str, isolated: bool = False) -> subprocess.CompletedProcess:
    command = [sys.executable, *(["-S"] if isolated else []), REPOSITORY / "scripts" / "doctor.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(SOURCE)})


def test_the_demo_can_start_where_the_tests_run() -> None:
    done = run("--offline", "--json", "--configfile", str(REPOSITORY / "config/demo.yaml"))
    assert done.returncode == 0, done.stdout + done.stderr
    content = json.loads(done.stdout)
    assert content["can_start"] and content["next"].endswith("--cores all --configfile config/demo.yaml")
    rows = {row["what"]: row for row in content["rows"]}
    assert "15 of 15 frames, in order" in rows["video decoder"]["found"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "wrong.yaml: no such file"),
        ("a: [1", "no valid YAML"),
        ("text", "no configuration"),
        ("dataset: {nam: x}", "unknown key 'dataset.nam'"),
        ("backbone: {weights: IMAGENET1K_V9}", "there is no 'IMAGENET1K_V9'"),
    ],
)
def test_a_wrong_configuration_is_a_row_and_the_rest_is_looked_at(checkout: Path, content, words: str) -> None:
    if content:
        (checkout / "wrong.yaml").write_text(content)
    rows = look(Path("wrong.yaml"))
    row = found(rows, "configuration")
    assert row.status == "lack" and words in row.found
    assert found(rows, "video decoder").status == "ok"


def test_without_any_package_it_says_what_to_install() -> None:
    """`make doctor` is called when the environment is broken: here the standard library is all there is."""
    done = run("--offline", isolated=True)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "lack: packages: make environment" in done.stdout


def test_help_imports_neither_torch_nor_numpy() -> None:
    code = (
        "import sys, recurrent_residual.doctor.examination; sys.exit(bool({'torch', 'numpy', 'av'} & {*sys.modules}))"
    )
    assert subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(SOURCE)}).returncode == 0


# The machine


@pytest.fixture
def programs(tmp_path: Path, monkeypatch):
    """Make programs that print a text; no other is on the PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def make(**texts: str) -> None:
        for name, text in texts.items():
            file = folder / name.replace("_", "-")
            file.write_text(f"#!/bin/sh\necho '{text}'\n")
            file.chmod(0o755)

    return make


@pytest.mark.parametrize(
    ("version", "status"), [("conda 24.7.1", "ok"), ("conda 25.1.0", "ok"), ("conda 23.11.0", "warning"), ("", "-")]
)
def test_conda(programs, version: str, status: str) -> None:
    if version:
        programs(conda=version)
    assert machine.conda()[0].status == status


def test_slurm(programs) -> None:
    assert machine.slurm()[0].status == "-"
    programs(sbatch="slurm 22.05.8", squeue="", scancel="")
    (row,) = machine.slurm()
    assert row.status == "warning" and "sacct" in row.remedy and "22.05.8" in row.found


def settings(architecture: str) -> Any:
    return SimpleNamespace(settings={"backbone": {"architecture": architecture}, "threads": 8})


def test_gpu(programs, monkeypatch) -> None:
    """None is a lack for the paper, not for a small network, and a warning on a login node of a cluster."""
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    paper, demo = settings("resnet50"), settings("small-16")
    assert (machine.gpu(paper)[0].status, machine.gpu(demo)[0].status) == ("lack", "ok")
    programs(sbatch="slurm 22.05.8")
    assert machine.gpu(paper)[0].status == "warning"
    programs(nvidia_smi="NVIDIA H200, 143771, 570.86.15")
    (row,) = machine.gpu(paper)
    assert row.status == "lack" and "NVIDIA H200, 151 GB, driver 570.86.15; torch cannot use it" in row.found
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert machine.gpu(paper)[0].status == "ok"


def test_packages_that_deviate_have_a_row_each(tmp_path: Path) -> None:
    (tmp_path / "requirements.in").write_text("# comment\nnumpy\npyyaml==9\nno-such-package\n")
    (tmp_path / "requirements.txt").write_text(
        "numpy==0.1 ; python_full_version < '3' \\\n    --hash=sha256:00\n"
        f"numpy=={machine.metadata.version('numpy')} ; python_full_version >= '3' \\\n    --hash=sha256:00\n"
        "pyyaml==9.9.9 \\\n    --hash=sha256:00\nno-such-package==1.0 \\\n    --hash=sha256:00\n"
    )
    rows = machine.packages(tmp_path)
    assert [(row.what, row.status) for row in rows] == [
        ("packages", "ok"),
        ("pyyaml", "warning"),
        ("no-such-package", "lack"),
    ]


def test_disk(tmp_path: Path) -> None:
    """Folders that are not there yet are on the disk where they will be made; one disk adds up."""
    free = machine.shutil.disk_usage(tmp_path).free
    places = (tmp_path / "a" / "b", tmp_path / "c")
    (row,) = machine.disk([(place, free * 0.4) for place in places])
    assert row.status == "ok"
    (row,) = machine.disk([(place, free * 0.6) for place in places])
    assert row.status == "lack" and "link" in row.remedy


@pytest.mark.parametrize(("kind", "status"), [("ucf101", "warning"), ("hmdb51", "lack")])
def test_unpackers(checkout: Path, programs, kind: str, status: str) -> None:
    """HMDB-51 exists as RAR only; UCF-101 as a zip, too, which needs no program."""
    plan = replace(make_plan([]), dataset=dataset(kind))
    assert machine.unpackers(plan, unpacked=False)[0].status == status
    assert machine.unpackers(plan, unpacked=True)[0].status == "-"
    programs(unar="")
    assert machine.unpackers(plan, unpacked=False)[0].status == "ok"


# Estimates


def test_the_estimate_of_the_paper_is_the_readmes(checkout: Path) -> None:
    plan = make_plan([])
    whole = estimate(plan, plan.clips)
    size = whole.archive + whole.videos + whole.frames + whole.features + whole.network * len(plan.networks)
    assert 27 * GB < size < 31 * GB  # "about 30 GB"
    assert whole.hours is not None and 22.5 < whole.hours < 23.5  # "23 hours"


def test_the_estimate_shrinks_with_the_work(checkout: Path) -> None:
    half = make_plan([configure(checkout, seeds={"split1": 1, "split2": 0, "split3": 0}, frames={"every": 5})])
    paper = make_plan([])
    whole, less = estimate(paper, 13320), estimate(half, 6660)
    assert less.frames == whole.frames and less.features == whole.features / 2
    assert less.hours == pytest.approx(whole.hours / 10)
    hmdb = replace(paper, dataset=dataset("hmdb51"))
    assert estimate(hmdb, hmdb.clips).frames == pytest.approx(whole.frames * 6766 / 13320)


# The state of the data


@pytest.mark.parametrize(("clips", "status"), [(8, "ok"), (7, "lack"), (0, "lack")])
def test_local_videos_are_counted(checkout: Path, clips: int, status: str) -> None:
    rows = look(make_local(checkout, clips))
    row = found(rows, "videos")
    assert row.status == status and row.found.startswith(f"{clips} of 8 clips")
    assert found(rows, "lists").status == "ok"


def test_names_count_without_regard_to_case_and_strays_do_not(checkout: Path) -> None:
    config = make_local(checkout, clips=8)
    clip = checkout / "videos/Archery/v_Archery_g01_c01.avi"
    clip.rename(clip.with_name("v_ARCHERY_g01_c01.AVI"))
    (checkout / "videos/Archery/stray.avi").touch()
    (checkout / "videos/Thumbs.db").touch()
    assert found(look(config), "videos").found.startswith("8 of 8 clips")


def test_missing_videos_that_may_be_dropped_are_no_lack(checkout: Path) -> None:
    make_local(checkout, clips=3)
    places = {"name": "mine", "source": "local", "videos": "videos", "lists": "lists", "missing_videos": "drop"}
    config = configure(checkout, dataset=places)
    rows = look(config)
    assert found(rows, "videos").status == "ok" and "0 of 1 classes" in found(rows, "frames").found


def test_a_damaged_list_is_a_row(checkout: Path) -> None:
    config = make_local(checkout)
    (checkout / "lists/testlist02.txt").write_text("nonsense")
    row = found(look(config), "data")
    assert row.status == "lack" and "testlist02.txt:1" in row.found


def test_what_the_run_would_refuse_is_a_lack(checkout: Path) -> None:
    """Lists that lack a clip or have a group on both sides, a class that is not there, a folder of the user's that
    would be overwritten: the run stops there, so the doctor says so, in the run's own words."""
    config = make_local(checkout, clips=8)
    listing = checkout / "lists/testlist01.txt"
    content = listing.read_text()
    listing.write_text(content + "\r\nArchery/v_Archery_g02_c02.avi")
    assert "in train and in test" in found(look(config), "lists").remedy
    listing.write_text(content)
    places = {"name": "mine", "source": "local", "videos": "videos", "lists": "lists", "classes": ["Nope"]}
    assert "'Nope' has no videos" in found(look(configure(checkout, dataset=places)), "videos").remedy
    row = found(look(configure(checkout, dataset={"videos": "videos"})), "configuration")
    assert row.status == "lack" and "would be overwritten" in row.found


def test_a_download_that_broke_off_is_seen(checkout: Path) -> None:
    plan = make_plan([])
    zip_, rar = plan.dataset.VIDEOS[0], plan.dataset.VIDEOS[1]
    folder = checkout / "resources/ucf101"
    folder.mkdir(parents=True)
    (folder / f"{zip_.name}.part").write_bytes(bytes(1000))
    (row,) = data.archives(plan, data.state(plan))
    assert row.status == "ok" and ".part" in row.found and "6.96 GB" in row.found
    now = data.state(plan)
    whole = estimate(plan, now.wanted_clips)
    assert data.still_to_write(plan, now, whole)[0][1] == whole.archive + whole.videos - 1000
    (folder / rar.name).write_bytes(b"half")
    rows = data.archives(plan, data.state(plan))
    assert [row.status for row in rows if rar.name in row.found] == ["lack"]  # once, though it has two addresses
    (folder / "videos.archive").write_bytes(bytes(2000))
    assert data.still_to_write(plan, now, whole)[0][1] == whole.archive + whole.videos - 2000
    assert not data.downloads(plan, now)[0].needed


def test_an_incomplete_folder_of_a_download_is_a_lack(checkout: Path) -> None:
    folder = checkout / "resources/ucf101/UCF-101/Archery"
    folder.mkdir(parents=True)
    (folder / "v_Archery_g01_c01.avi").touch()
    row = found(look(), "videos")
    assert row.status == "lack" and "1 of 13,320" in row.found and "rm -r" in row.remedy


def test_weights_that_are_there_are_compared_with_their_checksum(checkout: Path) -> None:
    plan = make_plan([])
    file = checkout / str(plan.weights.path)
    assert data.weights(plan)[0].status == "-"
    file.parent.mkdir(parents=True)
    file.write_bytes(CONTENT)
    assert data.weights(plan)[0].status == "lack"
    digest = "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882"
    right = replace(plan, weights=WeightsSource("download", "IMAGENET1K_V1", str(file), digest[:8]))
    assert data.weights(right)[0].status == "ok"


# The mirrors


class Handler(BaseHTTPRequestHandler):
    """/ranges knows ranges, /plain does not, /moved leads to /ranges, /slow never answers, the rest is not there."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/slow":
            self.server.released.wait(20)  # type: ignore[attr-defined]
        kind = {"/ranges": 206, "/plain": 200, "/moved": 302}.get(self.path, 404)
        body = {206: CONTENT[:1], 200: CONTENT}.get(kind, b"")
        self.send_response(kind)
        if kind == 206:
            assert self.headers["Range"] == "bytes=0-0"
            self.send_header("Content-Range", f"bytes 0-0/{len(CONTENT)}")
        if kind == 302:
            self.send_header("Location", "/ranges")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    def handle_error(self, *arguments: object) -> None:
        """The doctor hangs up when it has seen the size."""


@pytest.fixture
def server(monkeypatch) -> Iterator[ThreadingHTTPServer]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    server = Server(("127.0.0.1", 0), Handler)
    server.released = threading.Event()  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.released.set()  # type: ignore[attr-defined]
    server.shutdown()
    server.server_close()


def address(server: ThreadingHTTPServer, path: str) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}{path}"


@pytest.mark.parametrize(
    ("path", "size", "usable", "words"),
    [
        ("/ranges", 10, True, "answers, 10 bytes as expected"),
        ("/plain", 10, True, "answers, 10 bytes as expected"),
        ("/moved", 10, True, "answers, 10 bytes as expected"),
        ("/ranges", None, True, "answers, 10 bytes"),
        ("/ranges", 11, False, "wrong size: 10 bytes where 11 belong"),
        ("/plain", 11, False, "wrong size: 10 bytes where 11 belong"),
        ("/none", 10, False, "refused: 404 Not Found"),
        ("/slow", 10, False, "unreachable: no answer in 0.2 s"),
    ],
)
def test_a_mirror_is_asked_as_it_is(server, path: str, size: int | None, usable: bool, words: str) -> None:
    assert probe(Mirror(address(server, path), bytes=size), timeout=0.2) == (usable, words)


def test_an_address_where_nobody_listens_is_unreachable(server) -> None:
    url = address(server, "/ranges")
    server.shutdown()
    server.server_close()
    assert probe(Mirror(url), timeout=1) == (False, "unreachable: Connection refused")


def certificate(folder: Path) -> Path:
    """A self-signed certificate for 127.0.0.1, with its key."""
    file = folder / "server.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -keyout key.pem -out cert.pem"
    try:
        subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no openssl to make a certificate")
    file.write_bytes((folder / "cert.pem").read_bytes() + (folder / "key.pem").read_bytes())
    return file


def test_a_broken_certificate_is_passed_over_for_a_known_checksum_only(server, tmp_path: Path) -> None:
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(tmp_path))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    url = address(server, "/ranges").replace("http:", "https:")
    words = "certificate broken, but the checksum is known: answers, 10 bytes as expected"
    assert probe(Mirror(url, 10, sha256="0" * 64), timeout=5) == (True, words)
    assert probe(Mirror(url, 10, md5="0" * 32), timeout=5) == (True, words)
    usable, text = probe(Mirror(url, 10, sha256="0" * 8), timeout=5)
    assert not usable and "certificate broken" in text


def test_one_mirror_that_serves_is_enough(server) -> None:
    """A file is lacking where none of its mirrors serves and it is not here yet; the remedy names what to fetch."""
    good, bad = Mirror(address(server, "/ranges")), Mirror(address(server, "/none"))
    files = [File("a", (bad, good), "x/", True), File("b", (bad, bad), "x/", True), File("c", (bad,), "x/", False)]
    rows = mirrors(files, timeout=2)
    assert [row.status for row in rows] == ["warning", "ok", "lack", "lack", "-"]
    assert "put none into x/" in rows[2].remedy


def test_mirrors_are_asked_at_the_same_time_and_bounded(server) -> None:
    slow = tuple(Mirror(address(server, f"/slow#{i}")) for i in range(8))
    started = time.monotonic()
    rows = mirrors([File("a", slow, "x/", True)], timeout=0.3)
    assert time.monotonic() - started < 1.5 and len(rows) == 8
    assert all("no answer" in row.found for row in rows)


def test_the_mirrors_of_the_plan_are_in_the_table(checkout: Path, server, monkeypatch) -> None:
    """From the configuration to the row: videos, lists and weights, each from its own mirror."""
    mirror = Mirror(address(server, "/ranges"), bytes=len(CONTENT))
    fake = SimpleNamespace(**{**vars(dataset("ucf101")), "VIDEOS": (mirror,), "LISTS": (mirror,)})
    monkeypatch.setattr(plan_module, "dataset", lambda name: fake)
    plan: Plan = make_plan([])
    entry = {"IMAGENET1K_V1": {"url": address(server, "/none"), "sha256": "0" * 64}}
    plan = replace(plan, known_weights={"resnet50": entry})
    files = data.downloads(plan, data.state(plan))
    rows = mirrors(files, timeout=2)
    assert [(row.what, row.status) for row in rows] == [
        ("videos' mirror", "ok"),
        ("lists' mirror", "ok"),
        ("weights' mirror", "lack"),
    ]
    own = replace(plan, settings={**plan.settings, "mirrors": [address(server, "")]})
    asked = [[each.url for each in file.mirrors] for file in data.downloads(own, data.state(own))]
    assert asked[0] == [mirror.url] and asked[2] == [address(server, "/none")]  # the same address is asked once
    own = replace(plan, settings={**plan.settings, "mirrors": [address(server, "/mine/")]})
    assert data.downloads(own, data.state(own))[0].mirrors[0].url == address(server, "/mine/ranges")
