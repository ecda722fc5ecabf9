"""The documents are true: README's blocks run, its tree exists, its flags and links are real, its numbers rendered."""

import json
import re
import shlex
import subprocess

import pytest
from transformers.pipelines import PIPELINE_REGISTRY

import baselines.prepare_data
import baselines.run
import modeling_bert_bilstm.evaluation.report
import modeling_bert_bilstm.inference.corpus.options
import modeling_bert_bilstm.inference.demo
import modeling_bert_bilstm.inference.explain
import modeling_bert_bilstm.inference.films
import modeling_bert_bilstm.inference.server
import modeling_bert_bilstm.training.arguments
import push_to_hub
from modeling_bert_bilstm.training.arguments import parse_arguments
from reports.render import QUOTES, split_at_markers
from tests.conftest import REPOSITORY


README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
# What each command that the documents name is understood by.
PARSERS = {
    "train.py": modeling_bert_bilstm.training.arguments.build_parser,
    "push_to_hub.py": push_to_hub.build_parser,
    "baselines.run": baselines.run.build_parser,
    "baselines.prepare_data": baselines.prepare_data.build_parser,
    "evaluation.report": modeling_bert_bilstm.evaluation.report.build_parser,
    "inference.score": modeling_bert_bilstm.inference.corpus.options.build_parser,
    "inference.films": modeling_bert_bilstm.inference.films.build_parser,
    "inference.explain": modeling_bert_bilstm.inference.explain.build_parser,
    "inference.demo": modeling_bert_bilstm.inference.demo.build_parser,
    "inference.server": modeling_bert_bilstm.inference.server.build_parser,
}
DOCUMENTS = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted((REPOSITORY / "docs").glob("*.md"))]


def list_blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_the_python_block_runs_on_a_saved_folder(model_folder, capsys):
    block, _ = list_blocks("python")
    assert len([line for line in block.splitlines() if line.strip()]) <= 12
    exec(block.replace("me/bert-bilstm-imdb", str(model_folder)), {})  # noqa: S102
    printed = capsys.readouterr().out
    assert "'label': '" in printed
    assert "'one film'" in printed


def test_the_scoring_block_runs_on_a_saved_folder(model_folder):
    _, block = list_blocks("python")
    names = {}
    # Choosing a backend builds each that is installed, which takes minutes.
    exec(block.replace("runs/quickstart", str(model_folder)).replace('"auto"', '"torch"'), names)  # noqa: S102
    assert names["probabilities"].shape == (2, 2)
    assert names["films"]["one film"]["num_reviews"] == 2


def test_the_tree_is_the_real_one():
    tracked = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    top = {name.split("/")[0] for name in tracked.split() if not name.startswith(".")}
    shown, inside = set(), set()
    for line in split_at_markers(README, "tree")[1].strip("`\n").splitlines():
        names, is_inside = line[2:].split("  ")[0] if line[:2] in ("  ", "+ ") else line, line[:2] in ("  ", "+ ")
        if is_inside:
            inside.add(names.strip("/ "))
            continue
        for name in re.split(r"\s{2,}", line):
            if re.fullmatch(r"[\w.]+/?", name) and (REPOSITORY / name).exists():
                shown.add(name.strip("/"))
    assert shown == top
    package = REPOSITORY / "modeling_bert_bilstm"
    real = {path.name for path in package.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert inside == real


def test_every_flag_in_the_documents_exists():
    known = {option for parser in PARSERS.values() for option in parser()._option_string_actions}
    of_launchers = {"--standalone", "--nproc_per_node", "--cpu", "--num_cpu_threads_per_process"}
    for path in DOCUMENTS:
        flags = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9_]*", path.read_text(encoding="utf-8")))
        assert flags <= known | of_launchers, path.name


def test_every_command_line_is_understood():
    lines = [line for block in list_blocks("bash") for line in block.splitlines()]
    understood = set()
    for command, build in PARSERS.items():
        for line in lines:
            if f"{command} " in line:
                words = shlex.split(line.split(f"{command} ")[1])
                if command == "train.py":
                    parse_arguments([str(REPOSITORY / words[0]), *words[1:]] if words[0].endswith(".yaml") else words)
                else:
                    build().parse_args(words)
                understood.add(line)
    assert {line for line in lines if re.search(r"\bpython |accelerate launch ", line)} == understood


def test_every_make_target_exists():
    targets = set(
        re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    )
    for path in DOCUMENTS:
        assert set(re.findall(r"(?:`|^)make ([a-z-]+)", path.read_text(encoding="utf-8"), re.MULTILINE)) <= targets


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_and_recipe_in_the_documents_exists(path):
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        if "://" not in target:
            assert (path.parent / target).exists(), target
    for recipe in re.findall(r"`(?:recipes/)?(\w+\.yaml)`", text) + re.findall(r"recipes/([a-z]\w+\.yaml)", text):
        assert (REPOSITORY / "recipes" / recipe).exists(), recipe


@pytest.mark.parametrize("name", QUOTES)
def test_quoted_numbers_are_rendered_from_results(name):
    document, render = QUOTES[name]
    _, inside, _ = split_at_markers((REPOSITORY / document).read_text(encoding="utf-8"), name)
    assert inside == render()


def test_the_cost_of_a_word_piece_stays_flat():
    result = json.loads((REPOSITORY / "benchmarks" / "results" / "length.json").read_text(encoding="utf-8"))
    assert [row["length"] for row in result["rows"]] == [128, 256, 512, 1024, 2048, 4096, 8192, 16384]
    assert max(row["ratio"] for row in result["rows"] if row["length"] >= 512) < 1.2


def test_the_tasks_of_the_readme_are_registered():
    assert "aggregate-polarity" in PIPELINE_REGISTRY.get_supported_tasks()
