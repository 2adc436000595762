"""What changed between two reports: everything that did, nothing that did not, the same seen from either side."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from made_runs import CHOSEN_BY_VIEWS, ROOT, SETTINGS, experiments, read_json, small_tables, write_json

from recurrent_residual.errors import UserError
from recurrent_residual.report.comparing import CIRCUMSTANCES, COSTS, compare, read_report
from recurrent_residual.report.comparing_text import MOST, text
from recurrent_residual.report.data_files import PICTURES, render_json
from recurrent_residual.report.differing import flat


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A report. Not to be changed."""
    return small_tables(tmp_path_factory.mktemp("first"))


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One of fewer seeds, fewer experiments, another network and another machine. Not to be changed."""
    folder = tmp_path_factory.mktemp("second")
    settings = {**SETTINGS, "backbone": {"architecture": "resnet50", "weights": "IMAGENET1K_V2"}}
    settings["seeds"] = {"split1": 1, "split2": 1, "split3": 1}
    chosen = [name for name in CHOSEN_BY_VIEWS[1:] if name != "my_own"]
    tables = small_tables(folder, settings=settings, chosen=chosen, experiments=experiments())
    tables["summary"]["devices"] = ["A GPU (cuda)"]
    return tables


def test_a_report_and_itself_are_the_same(first: dict[str, Any]) -> None:
    """Nothing is found where nothing changed, and the costs are those of before."""
    changes = compare(first, copy.deepcopy(first))
    assert changes["same"] and changes["same_tests"]
    assert {cost["ratio"] for cost in changes["costs"]} == {1}
    assert text(changes, a="a", b="b").endswith("every verdict.")


def test_other_times_and_folders_are_no_change(first: dict[str, Any]) -> None:
    """The same run again, later and elsewhere: only the costs say so."""
    later = copy.deepcopy(first)
    later["summary"].update(started="2030-01-01T00:00:00+00:00", ran_by=["somebody"])
    later["data"]["checksums"][0]["what"] = "elsewhere/manifest & <co>.tsv"
    for cost in later["costs"]:
        cost["training_seconds"] *= 2
    changes = compare(first, later)
    assert changes["same"] and {cost["ratio"] for cost in changes["costs"]} == {2}


SWAPPED = {
    "a": "b", "a_reason": "b_reason", "only_a": "only_b", "claims_only_a": "claims_only_b",
    "shuffled_only_a": "shuffled_only_b",
}  # fmt: skip
SWAPPED |= {b: a for a, b in SWAPPED.items()}


def mirrored(value: Any) -> Any:
    """What `compare` finds with its reports swapped; lists are sorted, for what only one has stands last."""
    if isinstance(value, dict):
        out = {SWAPPED.get(key, key): mirrored(item) for key, item in value.items()}
        for key, turn in (("points", lambda points: -points or 0.0), ("ratio", lambda ratio: 1 / ratio)):
            if out.get(key):
                out[key] = round(turn(out[key]), 6)
        return out
    if isinstance(value, list):
        return sorted(map(mirrored, value), key=str)
    return value


def test_the_other_way_round_is_the_mirror_image(first: dict[str, Any], second: dict[str, Any]) -> None:
    """No finding depends on which report is named first."""
    forth, back = compare(first, second), compare(second, first)
    for found in (forth, back):
        for row in [*found["rows"], *found["shuffled"]]:
            row["outside"] = {side: True for side in row["outside"]}
    assert mirrored(mirrored(back)) == mirrored(forth)


def test_each_change_is_found(first: dict[str, Any], second: dict[str, Any]) -> None:
    """Settings, machine, rows of one only, and each row's error, counted here by hand."""
    changes = compare(first, second)
    assert not changes["same"] and changes["same_tests"]
    assert {"what": "backbone.architecture", "a": "small-16", "b": "resnet50"} in changes["settings"]
    assert [item["what"] for item in changes["settings"]] == [
        "seeds.split1", "backbone.architecture", "backbone.weights"
    ]  # fmt: skip
    assert changes["machine"] == [{"what": "devices", "a": ["A processor & co (cpu)"], "b": ["A GPU (cuda)"]}]
    assert changes["only_a"] == ["table1.block4_average_znorm", "table4.context1", "further.my_own"]
    assert changes["only_b"] == []
    rows = {row["id"]: row for row in changes["rows"]}
    for table, other in zip(first["tables"], second["tables"], strict=False):
        for a, b in zip(table["rows"], other["rows"], strict=False):
            if a["mean"] and b["mean"] and a["id"] in rows:
                found = rows[a["id"]]
                assert found["points"] == pytest.approx(100 * (b["mean"]["error"] - a["mean"]["error"]))
                low, high = a["mean"]["interval"]
                assert ("a" in found["outside"]) == (not low <= b["mean"]["error"] <= high)
    said = text(changes, a="one.json", b="two.json")
    for words in ("backbone.architecture: small-16 -> resnet50", "Rows only in A: table1.block4", "A GPU (cuda)"):
        assert words in said


@pytest.mark.parametrize(("interval", "outside"), [([0.1, 0.9], ["b"]), ([0.49, 0.9], ["a", "b"]), ([0.0, 1.0], ["b"])])
def test_a_change_is_held_against_both_intervals(
    first: dict[str, Any], interval: list[float], outside: list[str]
) -> None:
    """An error is outside the other report's interval or not, whatever its own is."""
    a, b = copy.deepcopy(first), copy.deepcopy(first)
    for report, error, ends in ((a, 0.5, interval), (b, 0.48, [0.47, 0.49])):
        row = next(row for row in report["tables"][2]["rows"] if row["id"] == "table3.identity")
        row["mean"].update(error=error, interval=ends)
    found = next(row for row in compare(a, b)["rows"] if row["id"] == "table3.identity")
    assert (found["outside"], found["points"]) == (outside, pytest.approx(-2))


def row(report: dict[str, Any], name: str) -> dict[str, Any]:
    """A row of a report."""
    return next(row for table in report["tables"] for row in table["rows"] if row["id"] == name)


def claim(report: dict[str, Any], kind: str) -> dict[str, Any]:
    """A report's first claim of a kind."""
    return next(claim for claim in report["claims"] if claim["comparisons"][0]["kind"] == kind)


def first_run(report: dict[str, Any]) -> dict[str, Any]:
    """A report's first run of an experiment."""
    return report["experiments"]["rrn_block4_identity"]["runs"][0]


CHANGES: dict[str, tuple[Any, str, str]] = {
    "shuffled": (
        lambda own: row(own, "table3.identity")["shuffled"].update(error=0.875, interval=[0.8, 0.9]),
        "parts",
        "Errors with shuffled frames that changed\n",
    ),
    "not shuffled": (
        lambda own: row(own, "table3.identity").update(shuffled=None),
        "shuffled_only_a",
        "Rows with shuffled frames only in A: table3.identity",
    ),
    "another seed": (
        lambda own: first_run(own).update(seed=99),
        "runs",
        "  rrn_block4_identity split 1 seed 99: – -> A processor & co (cpu)",
    ),
    "another device": (
        lambda own: first_run(own).update(hardware="A GPU", device="cuda"),
        "runs",
        "  rrn_block4_identity split 1 seed 1: A processor & co (cpu) -> A GPU (cuda)",
    ),
    "a learning rate": (
        lambda own: first_run(own)["settings"]["training"].update(learning_rate=0.5),
        "trainings",
        "  training.learning_rate (rrn_block4_identity): – -> 0.5",
    ),
    "the paper's error": (
        lambda own: row(own, "table3.identity")["paper"].update(error=0.125),
        "paper",
        "  table3.identity error: 0.197 -> 0.125",
    ),
    "a claim's words": (
        lambda own: claim(own, "order").update(text="The other way round"),
        "claims",
        ".text",
    ),
    "a margin": (
        lambda own: claim(own, "equal")["comparisons"][0].update(margin=77),
        "claims",
        ".comparisons.1.margin: 1 -> 77",
    ),
    "a target": (
        lambda own: claim(own, "relative")["comparisons"][0].update(target=-77),
        "claims",
        ".comparisons.1.target: -17 -> -77",
    ),
    "rows of a claim": (
        lambda own: claim(own, "order")["comparisons"][0]["first"].update(rows=["table1.other"]),
        "claims",
        ".comparisons.1.first.rows:",
    ),
    "a claim's reason": (
        lambda own: claim(own, "order").update(reason="For another reason."),
        "reasons",
        "The same verdict, other numbers: ",
    ),
    "an effect": (
        lambda own: claim(own, "order")["comparisons"][0]["ours"].update(points=-77.0),
        "parts",
        "Values that differ, by part of the report: claims 1",
    ),
}  # each: what changes, the finding that has it, what the text says


@pytest.mark.parametrize("name", CHANGES)
def test_one_change_is_enough(first: dict[str, Any], name: str) -> None:
    """Each kind of change by itself is said, and reports that differ in it are not the same."""
    change, key, words = CHANGES[name]
    other = copy.deepcopy(first)
    change(other)
    for a, b in ((first, other), (other, first)):
        changes = compare(a, b)
        assert not changes["same"] and (changes[key] or key == "shuffled_only_a")
        assert "The same: " not in text(changes, a="a", b="b")
    assert words in text(compare(first, other), a="a", b="b")


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Each value within nested mappings and lists, and where it stands."""
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(item, dict | list):
            yield from places(item, (*path, key))
        elif item is not None:
            yield (*path, key), item


def test_no_value_is_overlooked(first: dict[str, Any]) -> None:
    """Whichever changes, of every kind of value one: the reports differ, unless it is a cost or a circumstance."""
    other = copy.deepcopy(first)
    kinds: dict[tuple[str, ...], tuple[Any, ...]] = {}
    for path, _ in places(first):
        kinds.setdefault(tuple("" if str(k).isdigit() or k in first["experiments"] else k for k in path), path)
    assert len(kinds) > 300
    for *path, last in kinds.values():
        inner = other
        for key in path:
            inner = inner[key]
        before = inner[last]
        inner[last] = f"another {before}" if isinstance(before, str) else before + 1
        quiet = {*path, last} & {*COSTS, *CIRCUMSTANCES, *PICTURES}
        if path[:1] == ["data"]:
            quiet = {last} - {"sha256"}  # a file by another name is a file of which only one report knows
        assert compare(first, other)["same"] == bool(quiet), f"{path} {last}"
        inner[last] = before


def test_many_changes_are_not_all_printed(first: dict[str, Any]) -> None:
    """Runs that moved to another device are one line, and a section of the text has an end; --json has all."""
    other = copy.deepcopy(first)
    runs = [run for entry in other["experiments"].values() for run in entry["runs"]]
    for run in runs:
        run.update(hardware="A GPU", device="cuda")
        run["settings"]["model"] = "another"
    other["settings"]["training"] |= {f"own_{i}": i for i in range(MOST + 7)}
    changes = compare(first, other)
    said = text(changes, a="a", b="b")
    assert len(changes["runs"]) == len(runs) and len(changes["settings"]) == MOST + 7
    assert f"seed 1 and {len(runs) - 1} more: A processor & co (cpu) -> A GPU (cuda)\n" in said
    assert said.count("own_") == MOST and "\n  and 7 more, which --json names\n" in said
    assert "  model (6 experiments): recurrent_resnet -> another" in said


def test_sums_in_another_order_are_no_change(first: dict[str, Any]) -> None:
    """The last digit of a float is not a change, one error of ten million clips would be."""
    other = copy.deepcopy(first)
    row(other, "table3.identity")["mean"]["error"] *= 1 + 1e-15
    assert compare(first, other)["same"]
    row(other, "table3.identity")["mean"]["error"] += 1e-7
    assert not compare(first, other)["same"]


def test_verdicts_that_changed_have_both_reasons(first: dict[str, Any]) -> None:
    """And claims that one report lacks are named."""
    changed = copy.deepcopy(first)
    changed["claims"][1].update(verdict="holds", reason="It does now.")
    dropped = changed["claims"].pop(0)
    changes = compare(first, changed)
    old = first["claims"][1]
    assert changes["verdicts"] == [
        {"id": old["id"], "text": old["text"], "a": old["verdict"], "b": "holds", "a_reason": old["reason"],
         "b_reason": "It does now."}
    ]  # fmt: skip
    assert changes["claims_only_a"] == [dropped["id"]] and not changes["same"]
    said = text(changes, a="a", b="b")
    assert f"A: {old['verdict']}: {old['reason']}" in said and "B: holds: It does now." in said


def test_other_data_are_said(first: dict[str, Any]) -> None:
    """Errors of other clips are not the same measurement; a file with other content is named."""
    other = copy.deepcopy(first)
    other["manifest"]["splits"]["1"]["test"] = 49
    other["data"]["checksums"][0]["sha256"] = "f" * 64
    changes = compare(first, other)
    assert not changes["same_tests"]
    assert [item["what"] for item in changes["data"]] == ["clips of split 1", "sha256 of manifest & <co>.tsv"]
    assert "The data differ" in text(changes, a="a", b="b")


def test_rows_are_compared_on_the_splits_that_both_have(first: dict[str, Any]) -> None:
    """A report of one split is not held against the mean of three; with no split in common there is no change."""
    one = copy.deepcopy(first)
    for table in one["tables"]:
        for row in table["rows"]:
            row["by_split"] = {key: value for key, value in row["by_split"].items() if key == "2"}
            row["mean"] = None
    changes = compare(first, one)
    assert changes["rows"] and all(row["splits"] == [2] and row["points"] == 0 for row in changes["rows"])
    for table in one["tables"]:
        for row in table["rows"]:
            row["by_split"] = {"4": row["by_split"]["2"]} if row["by_split"] else {}
    changes = compare(first, one)
    assert all(row["points"] is None for row in changes["rows"])
    assert "no split in common" in text({**changes, "same": False}, a="a", b="b")


def test_flat_settings_lose_nothing() -> None:
    """Nested keys are dotted, empty sections stay."""
    assert flat({"a": {"b": {"c": 1}, "d": {}}, "e": [1]}) == {"a.b.c": 1, "a.d": {}, "e": [1]}


def test_what_is_no_report_is_refused(tmp_path: Path, first: dict[str, Any]) -> None:
    """One line that names the file; a folder is looked through."""
    with pytest.raises(UserError, match=r"has no paper_tables\.json and no tables\.json"):
        read_report(tmp_path)
    write_json(tmp_path / "paper_tables.json", {"old": 1})
    with pytest.raises(UserError, match=r"paper_tables\.json: is not the numbers of a report"):
        read_report(tmp_path)
    (tmp_path / "paper_tables.json").write_text(render_json(first, source="", schema_file="x"), encoding="utf-8")
    assert compare(read_report(tmp_path), first)["same"]


def test_command_line_has_the_exit_status_of_diff(
    tmp_path: Path, first: dict[str, Any], second: dict[str, Any]
) -> None:
    """0 the same, 1 they differ, 2 trouble, which is one line; --json is for machines."""
    write_json(tmp_path / "a.json", first)
    write_json(tmp_path / "b.json", second)

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(ROOT / "scripts/compare_reports.py"), *arguments]
        environment = {"PYTHONUTF8": "1"}  # no PYTHONPATH: it is run by hand
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    assert call("a.json", "a.json").returncode == 0
    differ = call("a.json", "b.json", "--json")
    assert differ.returncode == 1 and json.loads(differ.stdout) == json.loads(json.dumps(compare(first, second)))
    trouble = call("a.json", "c.json")
    assert (trouble.returncode, trouble.stdout) == (2, "")
    assert trouble.stderr.startswith("error: c.json: ") and trouble.stderr.count("\n") == 1
    assert read_json(tmp_path / "a.json") == first
