"""Which files of code a script depends on, read from its imports without running anything.

The workflow lists them as inputs of the rule that calls the script, so that editing a module reruns what uses it and
nothing else. A model module is not imported by a script but named by an experiment; it is listed for its runs only.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from recurrent_residual.errors import UserError

SOURCE = Path(__file__).resolve().parents[1]
PACKAGE = __package__


@cache
def _parse(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


@cache
def imported_modules(file: Path) -> frozenset[Path]:
    """Files of this package that `file` imports anywhere in it (also within functions)."""
    names: set[str] = set()
    for node in ast.walk(_parse(file)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = _absolute(file, node)
            names.add(module)
            names.update(f"{module}.{alias.name}" for alias in node.names)
    own = {Path(*name.split(".")) for name in names if name.partition(".")[0] == PACKAGE}
    own |= {parent for path in own for parent in path.parents if parent.name}  # a package's __init__ runs first
    files = (SOURCE / candidate for path in own for candidate in (path.with_suffix(".py"), path / "__init__.py"))
    return frozenset(file for file in files if file.is_file())


def _absolute(file: Path, node: ast.ImportFrom) -> str:
    """The module that `from ... import` names, also where it is relative to `file`."""
    if not node.level:
        return node.module or ""
    parts = file.relative_to(SOURCE).with_suffix("").parts[: -node.level] if file.is_relative_to(SOURCE) else ()
    return ".".join([*parts, *filter(None, [node.module])])


@cache
def code_of(file: Path) -> tuple[Path, ...]:
    """`file` and all of this package that it imports, directly or through others, sorted."""
    found, waiting = set(), [file]
    while waiting:
        current = waiting.pop()
        if current not in found:
            found.add(current)
            waiting.extend(imported_modules(current))
    return tuple(sorted(found))


def model_file(name: str) -> Path:
    """The module of a model that an experiment names.

    Raises:
        UserError: there is none.
    """
    file = SOURCE / PACKAGE / "models" / f"{name}.py"
    if not name.isidentifier() or not file.is_file():
        there = sorted(path.stem for path in file.parent.glob("[a-z]*.py"))
        raise UserError(f"model: {name!r} is no module in {file.parent}; there are {', '.join(there)}")
    return file


def model_literal(name: str, constant: str) -> object:
    """The literal that a model's module assigns to `constant` (`KIND`, `SETTINGS`), read without importing it.

    Raises:
        UserError: the module assigns none.
    """
    file = model_file(name)
    for node in _parse(file).body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if any(isinstance(target, ast.Name) and target.id == constant for target in targets):
            try:
                return ast.literal_eval(node.value)
            except ValueError:
                raise UserError(f"{file}:{node.lineno}: {constant} must be a plain literal") from None
    raise UserError(f"{file}: assigns no {constant}; models/__init__.py beside it says what that is")
