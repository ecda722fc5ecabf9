"""A Space: its files are the page and what it imports, they run alone, and they reach the Hub in one commit."""

import ast
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from importlib.metadata import version

import pytest
from huggingface_hub import HfApi, SpaceCard

from modeling_bert_bilstm.publishing import PublishingError, build_space_folder, push_hub_folder, push_space, space
from modeling_bert_bilstm.publishing.hub_folder import build_hub_folder
from tests.publishing.run_folder import MINE, OTHER, READER, write_run_folder


pytest.importorskip("gradio")
COMMIT = "0123456789abcdef0123456789abcdef01234567"
LAZY = {"datasets", "gradio", "nncf", "onnx", "onnxruntime", "openvino", "ray"}  # of other commands, or of the SDK


@pytest.fixture(scope="module")
def space_folder(tmp_path_factory):
    """A Space folder; treat it as read only."""
    folder = tmp_path_factory.mktemp("space") / "demo"
    build_space_folder(folder, "me/demo", "me/tiny", revision=COMMIT, license_id="mit")
    return folder


@pytest.fixture
def push(hub, tmp_path):
    def push(*, token=MINE, revision=COMMIT, **options):
        build_space_folder(tmp_path / "demo", "me/demo", "me/tiny", revision=revision)
        return push_space(tmp_path / "demo", "me/demo", api=HfApi(token=token), **options)

    return push


def list_packages(folder):
    """The packages that the sources of a Space import from elsewhere."""
    found = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add(node.module.split(".")[0])
    return found - set(sys.stdlib_module_names) - {"modeling_bert_bilstm"}


def test_the_files_are_the_page_and_what_it_imports(space_folder):
    names = space.list_space_files(space_folder)
    assert {name for name in names if "/" not in name} == {"README.md", "app.py", "requirements.txt"}
    rooms = {name.split("/")[1] for name in names if name.count("/") > 1}
    assert rooms == set(space.ROOMS)
    for name in names:
        if name.startswith("modeling_bert_bilstm/"):
            assert (space_folder / name).read_bytes() == (space.PACKAGE.parent / name).read_bytes()


def test_every_import_is_required_in_the_version_that_runs_here(space_folder):
    required = dict(line.split("==") for line in (space_folder / "requirements.txt").read_text().splitlines())
    assert list_packages(space_folder) <= set(required) | LAZY
    assert required == {name: version(name).split("+")[0] for name in space.REQUIREMENTS}


def test_the_metadata_are_those_of_a_space(space_folder):
    data = SpaceCard.load(space_folder / "README.md").data
    assert (data.title, data.sdk, data.sdk_version, data.app_file) == ("demo", "gradio", version("gradio"), "app.py")
    assert (data.license, data.models, data.python_version) == ("mit", ["me/tiny"], sys.version[:4])
    assert f"at `{COMMIT}`" in (space_folder / "README.md").read_text(encoding="utf-8")
    assert f'"me/tiny", revision="{COMMIT}"' in (space_folder / "app.py").read_text(encoding="utf-8")


def test_a_folder_of_other_things_is_not_replaced(tmp_path):
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(PublishingError, match=r"holds \['notes.txt'\], which no Space of ours holds"):
        build_space_folder(tmp_path, "me/demo", "me/tiny")
    assert (tmp_path / "notes.txt").read_text(encoding="utf-8") == "mine"


def test_a_missing_package_names_its_install_line(tmp_path, monkeypatch):
    monkeypatch.setattr(space, "REQUIREMENTS", (*space.REQUIREMENTS, "no-such-package"))
    with pytest.raises(PublishingError, match=r"no-such-package is not installed.*modeling-bert-bilstm\[demo\]"):
        build_space_folder(tmp_path / "demo", "me/demo", "me/tiny")
    assert not (tmp_path / "demo").exists()


def test_one_commit_uploads_exactly_the_folder(hub, push, tmp_path):
    outcome = push()
    repo = hub.repos["spaces/me/demo"]
    names = space.list_space_files(tmp_path / "demo")
    files = {name: blob.content for name, blob in repo.resolve("main").files.items() if name != ".gitattributes"}
    assert files == {name: (tmp_path / "demo" / name).read_bytes() for name in names}
    assert [commit.message for commit in repo.commits] == ["initial commit", "Upload the page"]
    assert outcome.url == f"{hub.url}/spaces/me/demo/commit/{repo.branches['main']}"
    assert list(hub.repos) == ["spaces/me/demo"], "no model of that name"
    assert not push().is_changed
    assert push(revision="main").is_changed


def test_modules_that_are_gone_go_and_other_files_stay(hub, push):
    push()
    repo = hub.repos["spaces/me/demo"]
    hub.write_file(repo, "modeling_bert_bilstm/inference/old.py", b"1")
    hub.write_file(repo, "notes.md", b"of somebody")
    assert push().deleted == ("modeling_bert_bilstm/inference/old.py",)
    assert "notes.md" in repo.resolve("main").files


def test_privacy_and_rights_are_kept(hub, push):
    push(private=True)
    assert hub.repos["spaces/me/demo"].is_private
    hub.repos["spaces/me/demo"].is_private = False
    with pytest.raises(PublishingError, match="`--private` was asked, but the Space me/demo exists and is public"):
        push(private=True)
    for token in (READER, OTHER):
        with pytest.raises(PublishingError, match=r"no right to write to me/demo.*a `--space` of your own"):
            push(token=token)


def wait_for_config(url, process, seconds=120):
    """What the page says of itself, once it is there."""
    for _ in range(seconds * 2):
        assert process.poll() is None, process.stderr.read()
        try:
            with urllib.request.urlopen(f"{url}/config", timeout=5) as answer:
                return json.load(answer)
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    raise TimeoutError(url)


def test_what_was_pushed_runs_alone(hub, model_folder, tmp_path):
    build_hub_folder(write_run_folder(model_folder, tmp_path / "run"), tmp_path / "hub", repo_id="me/tiny")
    commit = push_hub_folder(tmp_path / "hub", "me/tiny", api=HfApi(token=MINE)).commit
    hub.write_file(hub.repos["me/tiny"], "config.json", b"a later commit")
    build_space_folder(tmp_path / "demo", "me/demo", "me/tiny", revision=commit)
    push_space(tmp_path / "demo", "me/demo", api=HfApi(token=MINE))
    for name, blob in hub.repos["spaces/me/demo"].resolve("main").files.items():
        (tmp_path / "space" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "space" / name).write_bytes(blob.content)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    environment = {**os.environ, **hub.build_environment(), "HF_HOME": str(tmp_path / "home"), "PYTHONPATH": ""}
    environment |= {"GRADIO_SERVER_PORT": str(port), "GRADIO_TEMP_DIR": str(tmp_path / "gradio")}
    # Only what was pushed: this checkout may be on the path of the interpreter.
    code = (
        "import runpy, sys; sys.path.insert(0, '.'); import modeling_bert_bilstm as m; print(m.__file__, flush=True)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", f"{code}; runpy.run_path('app.py', run_name='__main__')"],
        cwd=tmp_path / "space", env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        config = wait_for_config(f"http://127.0.0.1:{port}", process)
        assert process.stdout.readline().startswith(str(tmp_path / "space"))
    finally:
        process.terminate()
        process.communicate(timeout=60)
    assert config["title"] == "me/tiny: reviews of films"
    assert {"review", "file"} <= {part["props"].get("elem_id") for part in config["components"]}
    assert f"GET /me/tiny/resolve/{commit}/model.safetensors" in hub.requests
