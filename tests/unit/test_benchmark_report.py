"""The benchmark of a report of the paper's size makes one, and its page is small enough to send."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from made_runs import ROOT, read_json


def test_a_report_of_the_papers_size(tmp_path: Path) -> None:
    """101 classes, 3 splits, 30 experiments, 5 seeds: every view is written and timed, and the page is under 5 MB."""
    command = [sys.executable, ROOT / "scripts/benchmark_report.py", "--output", tmp_path / "all"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    subprocess.run([*command, "--folder", tmp_path / "report"], check=True, capture_output=True, env=environment)
    figures = read_json(tmp_path / "all.json")
    steps = {row["step"]: row["CPU"] for row in figures["Time on one core"]["rows"]}
    assert set(steps) == {"collect", "HTML", "LaTeX and PDF figures", "JSON and CSV", "all"}
    assert steps["all"] > 0
    tables = read_json(tmp_path / "report/tables.json")
    assert len(tables["per_class"]["classes"]) == 101 and tables["summary"]["runs"] == 30 * 3 * 5
    assert all(row["size"] > 0 for row in figures["Size"]["rows"]), "every view was written"
    assert (tmp_path / "report/paper_tables.html").stat().st_size < 5_000_000
