"""The report's page: complete, escaped, and in need of nothing beside it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from made_runs import CHOSEN_BY_VIEWS, write_run
from read_page import ODD, TEMPLATES, Page, copy, row_of, unfinished

from recurrent_residual.report import html


def test_page_loads_nothing(source: str, page: Page) -> None:
    """It opens offline: every address that a browser would load is in the page itself, and the page forbids others."""
    assert "iframe" not in page.tags and "link" not in page.tags and "<script src" not in source
    for address in page.loaded:
        assert address.startswith(("#", "data:")), address
    style = "".join(re.findall(r"<style>.*?</style>", source, re.DOTALL))
    assert "@import" not in style
    assert all(address.startswith("#") for address in re.findall(r"url\(([^)]*)\)", source))
    policy = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', source)[0]
    assert policy.startswith("default-src 'none'") and "http" not in policy and "*" not in policy


def test_page_holds_together(page: Page) -> None:
    """Ids are unique, each link within the page leads somewhere, and each number's card is there."""
    assert len(page.ids) == len(set(page.ids))
    assert set(page.anchors) <= set(page.ids)
    assert all(reference[1:] in page.ids for reference in page.loaded if reference.startswith("#"))
    assert page.shown and set(page.shown) <= set(page.ids)


def test_the_parts_stand_in_their_order(source: str) -> None:
    """Verdicts first, then the paper's tables in its order, then figures, classes, costs and what they rest on."""
    order = (
        "verdicts claims table1 table2 table3 table4 controls table5 further figures classes looks curves costs tuning "
        "decisions deviations data environment runs settings"
    )
    found = re.findall(r'<section id="(\w+)"', source)
    assert [name for name in found if name != "reading"] == order.split()
    assert source.index('<dl class="facts">') < source.index('id="verdicts"')


def test_checksums_are_told(page: Page, tables: dict[str, Any]) -> None:
    """Which files the numbers were made from can be checked."""
    assert tables["data"]["checksums"]
    for file in tables["data"]["checksums"]:
        assert page.row(file["what"]).endswith(file["sha256"])


def test_odd_characters_come_out_as_they_are(tables: dict[str, Any]) -> None:
    """Titles, classes, notes, names, commands and files with markup are text everywhere, in pictures and attributes."""
    changed = copy(tables)
    changed["report"] |= {"title": ODD, "notice": ODD}
    changed["dataset"]["title"] = ODD
    changed["summary"]["ran_by"] = [ODD]
    changed["best"]["classes"] = [ODD, *changed["best"]["classes"][1:]]
    changed["best"]["confused"][0] |= {"true": ODD, "predicted": ODD}
    changed["per_class"]["classes"] = [ODD, *changed["per_class"]["classes"][1:]]
    changed["clips"]["missing_videos"] = [ODD]
    changed["data"]["checksums"] = [{"what": ODD, "sha256": "0" * 64}]
    changed["claims"][0] |= {"text": ODD, "quote": ODD, "reason": ODD, "place": ODD}
    changed["tables"][2]["rows"][0]["label"] = [ODD]
    changed["figures"]["position"]["points"][0]["label"] = ODD
    changed["looks"]["clips"][0] |= {"class": ODD, "video": ODD}
    changed["settings"]["report"]["title"] = ODD
    experiment = changed["experiments"]["control_no_skip"]
    experiment["title"] = ODD
    experiment["runs"][0] |= {"command": ODD, "folder": ODD, "user": ODD}
    source = html.render(changed, TEMPLATES)
    page = Page(source)
    assert page.text.count(ODD) >= 25
    assert "<b onclick" not in source and source.count("</script>") == 1
    assert "onclick" not in page.attributes


def test_a_users_experiment_stands_on_the_page_escaped(source: str, page: Page) -> None:
    """A title with markup is shown as it was written."""
    assert page.row("My <own> & 100 % new_one 0")
    assert "<own>" not in source


def test_each_run_stands_on_the_page_with_its_command(page: Page, tables: dict[str, Any]) -> None:
    """Provenance: what made the number can be read and pasted."""
    runs = [run for experiment in tables["experiments"].values() for run in experiment["runs"]]
    assert len(runs) == 5 * len(CHOSEN_BY_VIEWS)
    for run in runs:
        assert run["command"] in page.text and run["folder"] in page.text
    assert "0123456789+changes" in page.text


def test_the_precision_of_the_baselines_features_is_told(
    tables: dict[str, Any], source: str, drawn: dict[str, Any]
) -> None:
    """As the run recorded it, with its experiment; a network's run has none."""
    told = "features in training bfloat16"
    assert "features in training" not in source
    changed = copy(tables)
    for run in changed["experiments"]["block4_average_znorm"]["runs"]:
        run["features_as"] = "bfloat16"
    page = html.lay_out(changed, drawn, TEMPLATES)
    assert page.count(told) == 1 and told in page.partition('id="run-block4_average_znorm"')[2].partition("</p>")[0]


def test_cost_stands_at_the_top_with_each_row_and_each_run(
    tables: dict[str, Any], page: Page, drawn: dict[str, Any]
) -> None:
    """Time, energy and memory; what was not measured is said to be so and shown as a dash, not as 0."""
    top = "Energy of the GPU, all runs"
    assert f"{top}not measured" in page.text
    measured = copy(tables)
    first, second = measured["experiments"]["control_no_skip"]["runs"][:2]
    first |= {"energy_joules": 4.5e6, "peak_memory_bytes": 20 * 2**30}
    measured["summary"]["energy"] = {"joules": 4.5e6, "runs": 1}
    cost = next(cost for cost in measured["costs"] if cost["experiment"] == "control_no_skip")
    cost |= {"gpu_hours": 2.25, "energy_joules": 9e6, "peak_memory_bytes": 30 * 2**30, "evaluation_seconds": None}
    shown = Page(html.lay_out(measured, drawn, TEMPLATES))
    assert f"{top}1.2 kWhmeasured in 1 of 30 runs" in shown.text
    rows = [" ".join(row.split()) for row in shown.rows]
    assert sum("1 min 1 s 1.2 kWh 20.0 GiB 40" in row for row in rows) == 1
    assert second["energy_joules"] is None and any("1 min 2 s – – 40" in row for row in rows)
    assert sum(row.endswith("– 2.2 h 2.5 kWh 30.0 GiB") for row in rows) == 1
    assert sum("23,500,000" in row for row in rows) == len(CHOSEN_BY_VIEWS)


def test_rendering_is_deterministic(tables: dict[str, Any], source: str) -> None:
    """The same tables give the same bytes, so that a report can be compared with another."""
    assert html.render(copy(tables), TEMPLATES) == source


def test_half_finished_runs_give_a_report(tmp_path: Path) -> None:
    """While trainings are still going, the page shows what is there and says what is not."""
    write_run(tmp_path, "rrn_block4_identity", 1, 2)
    write_run(tmp_path, "rrn_block4_convolution", 2, 1)
    tables = unfinished(tmp_path, chosen=CHOSEN_BY_VIEWS[:-1])
    page = Page(html.render(tables, TEMPLATES))
    error = f"{row_of(tables, 'table3.identity')['compared']['error']:.3f}"
    assert page.row("Identity").startswith(f"Identity Mapping 0.197 {error} ")
    assert re.search(r" not run not run – 0\.\d+ \S+ 1 of 5 runs", page.row("Identity")), "shuffled, after the splits"
    assert page.row("Conv. Linear").startswith("Conv. Linear 0.219 split 1: not run – ")
    assert "2 of 25" in page.text


def test_nothing_run_still_gives_a_report(tmp_path: Path) -> None:
    """Before the first training the page stands, with no picture and no number of ours."""
    tables = unfinished(tmp_path, chosen=[])
    source = html.render(tables, TEMPLATES)
    assert 'role="img"' not in source
    page = Page(source)
    assert not page.shown
    assert page.row("Identity Mapping") == "Identity Mapping 0.197 not run –"
    assert set(page.anchors) <= set(page.ids)
    assert {claim["verdict"] for claim in tables["claims"]} == {"cannot be told"}


def test_a_page_of_the_papers_size_stays_small(tables: dict[str, Any]) -> None:
    """101 classes, 30 experiments of 15 runs with 50 epochs, commands as long as real ones: below 5 MB."""
    changed = copy(tables)
    names = [f"Class number {number}" for number in range(101)]
    model = changed["experiments"]["rrn_block4_identity"]
    run = model["runs"][0]
    long = {"command": '"' * 1500, "evaluation_command": "e" * 1000, "history": run["history"][:1] * 50}
    runs = [{**run, **long, "split": split, "seed": seed} for split in (1, 2, 3) for seed in range(1, 6)]
    changed["experiments"] |= {f"more_{number}": model for number in range(30 - len(CHOSEN_BY_VIEWS))}
    for name, experiment in changed["experiments"].items():
        changed["experiments"][name] = {**experiment, "runs": runs if experiment["runs"] else []}
    changed["best"] |= {"classes": names, "confusion": [[(i * j) % 7 for j in range(101)] for i in range(101)]}
    errors = {name: [0.123] * 101 for name in changed["experiments"]}
    changed["per_class"] |= {"classes": names, "clips": [30] * 101, "errors": errors}
    page = html.render(changed, TEMPLATES)
    assert page.count('"' * 1500) == 2 * 450
    assert len(page.encode()) < 5_000_000
