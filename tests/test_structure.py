"""The house rules that a reader relies on: import direction, docstrings, README tree and settings."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

from assistant.settings import Settings

ROOT = Path(__file__).parents[1]
LAYERS = ("retrieval", "assistant", "training", "ui")
MODULES = sorted(path for layer in LAYERS for path in (ROOT / layer).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Top-level packages that a module imports, wherever in the file."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_run_leftwards_only(path: Path) -> None:
    layer = LAYERS.index(path.relative_to(ROOT).parts[0])
    to_the_right = set(LAYERS[layer + 1 :]) & imported(path)
    assert not to_the_right, f"{path.name} imports {to_the_right}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_module_says_what_it_is(path: Path) -> None:
    source = path.read_text("utf-8")
    assert not source.strip() or ast.get_docstring(ast.parse(source)), f"{path} has no docstring"


def test_no_two_modules_share_a_name() -> None:
    names = [path.stem for path in MODULES if path.stem != "__init__" and "migrations" not in path.parts]
    assert len(names) == len(set(names)), sorted(name for name in names if names.count(name) > 1)


def test_readme_tree_names_every_module_and_nothing_else() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    tree = readme.split("```tree")[1].split("```")[0]
    told, folders = set(), {0: ""}
    for line in tree.strip("\n").splitlines():
        name = line.split()[0]
        depth = (len(line) - len(line.lstrip())) // 2
        if name.endswith("/"):
            folders[depth + 1] = folders.get(depth, "") + name
        elif name.endswith(".py"):
            told.add(folders[depth] + name)
    real = {
        str(path.relative_to(ROOT)) for path in MODULES if path.name != "__init__.py" and "versions" not in path.parts
    }
    assert told == real


def test_readme_lists_every_setting() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    told = set(re.findall(r"^\| `([a-z_]+)` \|", readme, re.MULTILINE))
    assert told == set(Settings.model_fields)


def test_every_setting_is_described() -> None:
    assert all(field.description for field in Settings.model_fields.values())


def test_no_pickle_is_ever_loaded() -> None:
    forbidden = re.compile(r"^\s*import pickle|pickle\.load|torch\.load\(|allow_pickle\s*=\s*True|joblib\.load", re.M)
    assert [str(path) for path in MODULES if forbidden.search(path.read_text("utf-8"))] == []


def test_the_tree_names_no_machine() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    texts = [ROOT / name for name in listed if name.endswith((".py", ".md", ".toml", ".txt", ".sh", "run", "Makefile"))]
    home = re.compile(r"/(?:" + "work|farm" + r")/(?:main|shared|steering)")
    assert [str(path) for path in texts if path.exists() and home.search(path.read_text("utf-8"))] == []
