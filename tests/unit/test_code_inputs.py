"""Protects the rerun behaviour at its root: which code a job depends on."""

import subprocess
import sys
from pathlib import Path

import pytest

from recurrent_residual.code_inputs import SOURCE, code_of, model_file, model_literal
from recurrent_residual.errors import UserError

REPOSITORY = SOURCE.parent
SCRIPTS = sorted((REPOSITORY / "scripts").glob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_the_closure_holds_every_module_that_python_imports(script: Path) -> None:
    """Compared with what Python really loads: a module that is missing here would be edited without a rerun."""
    program = (
        "import sys, runpy; runpy.run_path(sys.argv[1], run_name='imported');"
        "print(*(m.__file__ for n, m in sys.modules.items() if n.partition('.')[0] == 'recurrent_residual'), sep='\\n')"
    )
    command = [sys.executable, "-c", program, str(script)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, env={"PYTHONPATH": str(SOURCE)})
    assert {Path(line) for line in printed.stdout.split()} <= set(code_of(script))


def closure(script: str) -> set[str]:
    return {path.name for path in code_of(REPOSITORY / "scripts" / f"{script}.py")}


def test_models_are_no_part_of_a_script_but_of_the_experiments_that_name_them() -> None:
    for script in ("train_network", "train_baseline", "evaluate_network", "evaluate_baseline"):
        assert not closure(script) & {"gru.py", "average_pool.py", "recurrent_resnet.py"}
    assert "backbone.py" in {path.name for path in code_of(model_file("recurrent_resnet"))}


def test_data_flows_one_way() -> None:
    """Editing a later stage must not rerun an earlier one, nor the report's looks a training."""
    assert not closure("extract_frames") & {"loop.py", "features.py", "collecting.py", "views.py"}
    assert not closure("extract_features") & {"loop.py", "baselines.py", "evaluation.py", "collecting.py"}
    assert not closure("train_baseline") & {"loop.py", "backbone.py", "views.py", "video.py", "collecting.py"}
    assert not closure("train_network") & {
        "baselines.py",
        "feature_store.py",
        "evaluation.py",
        "collecting.py",
        "video.py",
    }
    assert not closure("render_latex") & {"html.py", "loop.py"}
    assert not closure("collect_tables") & {"plots.py", "html.py", "latex.py"}


@pytest.mark.parametrize("name", ["average_pool", "gru", "recurrent_resnet"])
def test_a_models_literals_are_what_its_module_says(name: str) -> None:
    from recurrent_residual.models import load_model

    module = load_model(name)
    assert (model_literal(name, "KIND"), model_literal(name, "SETTINGS")) == (module.KIND, module.SETTINGS)


def test_a_missing_constant_is_named() -> None:
    with pytest.raises(UserError, match=r"gru.py: assigns no COLOUR"):
        model_literal("gru", "COLOUR")


def test_relative_imports_count_too(tmp_path, monkeypatch) -> None:
    """A variant of the user's may import its helper as `from .helper import ...`; editing that reruns it as well."""
    package = tmp_path / "recurrent_residual"
    (package / "models").mkdir(parents=True)
    for name, text in {
        "models/mine.py": "from .helper import f\nfrom ..views import g\n",
        "models/helper.py": "",
    }.items():
        (package / name).write_text(text)
    for name in ("views.py", "__init__.py", "models/__init__.py"):
        (package / name).write_text("")
    monkeypatch.setattr("recurrent_residual.code_inputs.SOURCE", tmp_path)
    names = {str(path.relative_to(package)) for path in code_of(package / "models" / "mine.py")}
    assert names == {"models/mine.py", "models/helper.py", "views.py", "__init__.py", "models/__init__.py"}
