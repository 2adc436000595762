"""`snakemake --report report.zip` after a run: our report with the workflow, its code and configuration, offline."""

from __future__ import annotations

import json
import re
import zipfile
from typing import Any

import pytest
import yaml
from checkouts import REPOSITORY, TINY, Checkout, FinishedRun


@pytest.fixture(scope="module")
def report(finished: FinishedRun, tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The report on the finished run; whatever asks for the network fails."""
    checkout = finished.checkout.copy(tmp_path_factory.mktemp("report") / "checkout")
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    result = checkout.run("snakemake", "--configfile", "config/tiny.yaml", "--report", "report.zip", **nowhere)
    assert result.returncode == 0, result.stdout
    return zipfile.ZipFile(checkout.root / "report.zip")


def page(report: zipfile.ZipFile) -> str:
    return report.read("report/report.html").decode()


def data(report: zipfile.ZipFile, name: str) -> Any:
    """What the page's JavaScript knows as `name`."""
    text, start = page(report), f"var {name} = "
    return json.JSONDecoder().raw_decode(text[text.rindex(start) + len(start) :])[0]


def test_holds_the_tables(finished: FinishedRun, report: zipfile.ZipFile) -> None:
    """The tables as HTML and LaTeX and the numbers behind them are in the archive as they are here, in one category,
    each with a caption and labels that tell it from the others."""
    results = data(report, "results")
    files = {"report/paper_tables.html", "report/paper_tables.tex", "report/paper_tables.json"}
    assert results.keys() == files
    for path, result in results.items():
        assert report.read(f"report/{result['data_uri']}") == (finished.checkout.root / path).read_bytes()
        assert result["caption"]
    assert {result["labels"]["format"] for result in results.values()} == {"HTML", "LaTeX", "JSON"}
    assert [set(paths) for part in data(report, "categories").values() for paths in part.values()] == [files]


def test_holds_code_and_environments(finished: FinishedRun, report: zipfile.ZipFile) -> None:
    """Every rule that ran is there with its command and its pinned environment."""
    rules = data(report, "rules")
    assert {"extract_frames", "train_network", "train_baseline", "evaluate_network", "render_html"} <= rules.keys()
    for name, rule in rules.items():
        assert f"scripts/{name}.py" in re.sub(r"<[^>]+>", "", rule["code"])
        assert "python=3.11" in rule["conda_env"]["dependencies"]


def test_holds_the_configuration(report: zipfile.ZipFile) -> None:
    """Every section of the configuration stands with the numbers, and what it says of the run on the first page."""
    caption = data(report, "results")["report/paper_tables.json"]["caption"]
    shown = re.sub(r"<[^>]+>|\s", "", caption)
    for section in ("dataset", "seeds", "experiments", "training", "backbone", "report"):
        assert f"{section}:" in shown
    assert all(name in shown for name in TINY["experiments"])
    assert TINY["report"]["notice"] in data(report, "workflow_desc").replace("\n", " ")


def test_pygments_is_installed(pristine: Checkout) -> None:
    """Snakemake needs it for a report, and does not bring it along: it is among what every user installs."""
    locked = (pristine.root / "requirements.txt").read_text()
    assert re.search(r"^pygments==", locked, re.M)


def test_catalog() -> None:
    """What the Snakemake workflow catalog asks of its standardized usage is here."""
    usage = yaml.safe_load((REPOSITORY / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert usage["report"] is True and usage["software-stack-deployment"] == {"conda": True}
    assert (REPOSITORY / "workflow/Snakefile").is_file() and (REPOSITORY / "config/README.md").is_file()
    assert all(path.suffix == ".smk" for path in (REPOSITORY / "workflow/rules").iterdir())
    readme = (REPOSITORY / "README.md").read_text().lower()
    assert "snakemake" in readme and "workflow" in readme
