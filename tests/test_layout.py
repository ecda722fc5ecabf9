"""The rules of the house: what ships, who may import whom, how light the import is, ceilings, documented names."""

import ast
import subprocess
import sys

import pytest

from modeling_bert_bilstm.modeling_bert_bilstm import SHIPPED_FILES
from tests.conftest import REPOSITORY


PACKAGE = REPOSITORY / "modeling_bert_bilstm"
SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if "__pycache__" not in path.parts)
ROOMS = {path.name for path in PACKAGE.iterdir() if path.is_dir() and (path / "__init__.py").exists()}
MAY_IMPORT = {
    "extras": set(),
    "data": set(),
    "augmentation": {"extras"},
    "evaluation": {"extras"},
    "hardware": set(),
    "attribution": {"extras"},
    "training": {"data", "augmentation", "attribution", "evaluation", "hardware"},
    "inference": {"attribution", "extras", "hardware"},
    "publishing": {"evaluation", "extras", "inference"},
}
# What stands beside the package may read it, and each other from the top down.
OUTSIDE_MAY_IMPORT = {
    "baselines": {"data", "augmentation", "evaluation", "extras", "hardware", "training", "inference"},
    "reports": {
        "attribution",
        "augmentation",
        "baselines",
        "benchmarks",
        "data",
        "evaluation",
        "inference",
        "training",
    },
}
OUTSIDE = {"baselines", "benchmarks", "reports", "examples", "train", "push_to_hub", "tests"}
OUTSIDE_SOURCES = sorted(path for room in OUTSIDE_MAY_IMPORT for path in (REPOSITORY / room).glob("*.py"))
OPTIONAL = """datasets evaluate accelerate nlpaug imblearn sklearn pandas matplotlib jinja2 gensim ray captum litserve
    fastapi gradio""".split()


def list_imports(path):
    """Return (level, module) of every import of a file, also those inside functions."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            found.append((node.level, node.module or ""))
        elif isinstance(node, ast.Import):
            found += [(0, alias.name) for alias in node.names]
    return found


def test_depth_is_the_boundary_of_what_ships():
    assert {path.name for path in PACKAGE.glob("*.py")} == {*SHIPPED_FILES, "__init__.py"}


@pytest.mark.parametrize("name", SHIPPED_FILES)
def test_shipped_files_import_only_the_floor(name):
    for level, module in list_imports(PACKAGE / name):
        top = module.split(".")[0]
        if level:
            assert level == 1
            assert f"{module}.py" in SHIPPED_FILES
        else:
            assert top in {"numpy", "torch", "transformers", "tqdm"} | sys.stdlib_module_names


@pytest.mark.parametrize(
    "path", [p for p in SOURCES if p.parent != PACKAGE], ids=lambda p: str(p.relative_to(PACKAGE))
)
def test_imports_point_down(path):
    *folders, _ = path.relative_to(PACKAGE).parts
    for level, module in list_imports(path):
        first = module.split(".")[0]
        assert level or first not in OUTSIDE | {"modeling_bert_bilstm"}
        if level == len(folders) + 1 and first in ROOMS:
            assert first in MAY_IMPORT[folders[0]], f"{folders[0]} imports {first}"


@pytest.mark.parametrize("path", OUTSIDE_SOURCES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_what_stands_beside_the_package_imports_downwards(path):
    room = path.parent.name
    for level, module in list_imports(path):
        assert level < 2
        first, *rest = module.split(".")
        if not level and first in OUTSIDE - {room}:
            assert first in OUTSIDE_MAY_IMPORT[room], f"{room} imports {first}"
        if first == PACKAGE.name and rest and rest[0] in ROOMS:
            assert rest[0] in OUTSIDE_MAY_IMPORT[room], f"{room} imports {module}"


def test_rooms_are_known():
    assert set(MAY_IMPORT) >= ROOMS


def test_what_is_built_holds_all_of_the_package_and_the_card(tmp_path):
    pytest.importorskip("setuptools")
    command = [sys.executable, "setup.py", "-q", "build_py", "--build-lib", str(tmp_path)]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True)
    tracked = subprocess.run(
        ["git", "ls-files", PACKAGE.name], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    built = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert built == {*tracked.stdout.split(), f"{PACKAGE.name}/publishing/model_card.md"}


def forbid(names, statement):
    code = f"import sys\nfor name in {names!r}: sys.modules[name] = None\n{statement}"
    return subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True).returncode


def test_the_import_needs_nothing_optional():
    assert forbid(OPTIONAL, "import modeling_bert_bilstm") == 0


def test_attributions_need_nothing_optional_to_be_imported():
    assert forbid(OPTIONAL, "import modeling_bert_bilstm.attribution") == 0


def test_forbidding_a_package_is_noticed():
    assert forbid(["torch"], "import modeling_bert_bilstm") != 0


SCRIPTS = [REPOSITORY / "train.py", REPOSITORY / "push_to_hub.py"]


@pytest.mark.parametrize("path", [*SOURCES, *SCRIPTS, *OUTSIDE_SOURCES], ids=lambda p: str(p.relative_to(REPOSITORY)))
def test_functions_are_short(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            documented = ast.get_docstring(node, clean=False) or ""
            length = node.end_lineno - node.lineno + 1 - len(documented.splitlines())
            assert length <= 60, f"{path.name}: {node.name} has {length} lines"


@pytest.mark.parametrize(
    "path",
    [p for p in [*SOURCES, *SCRIPTS, *OUTSIDE_SOURCES] if p.name not in SHIPPED_FILES],
    ids=lambda p: str(p.relative_to(REPOSITORY)),
)
def test_modules_are_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 250
