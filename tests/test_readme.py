"""The documents are true: README's blocks run, its tree exists, its flags and links are real, its numbers rendered."""

import json
import re
import shlex
import subprocess

import pytest
from transformers.pipelines import PIPELINE_REGISTRY

from baselines.prepare_data import build_parser as build_prepare_parser
from baselines.run import build_parser as build_run_parser
from modeling_bert_bilstm.evaluation.report import build_parser as build_report_parser
from modeling_bert_bilstm.inference.corpus.options import build_parser as build_score_parser
from modeling_bert_bilstm.inference.corpus.options import parse_options as parse_score_options
from modeling_bert_bilstm.inference.explain import build_parser as build_explain_parser
from modeling_bert_bilstm.inference.films import build_parser as build_films_parser
from modeling_bert_bilstm.training.arguments import build_parser, parse_arguments
from push_to_hub import build_parser as build_push_parser
from reports.render import QUOTES, split_at_markers
from tests.conftest import REPOSITORY


README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
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
    parsers = (
        build_parser(),
        build_push_parser(),
        build_run_parser(),
        build_prepare_parser(),
        build_films_parser(),
        build_explain_parser(),
        build_score_parser(),
        build_report_parser(),
    )
    known = {option for parser in parsers for option in parser._option_string_actions}
    of_launchers = {"--standalone", "--nproc_per_node", "--cpu", "--num_cpu_threads_per_process"}
    for path in DOCUMENTS:
        flags = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9_]*", path.read_text(encoding="utf-8")))
        assert flags <= known | of_launchers, path.name


def test_every_command_line_is_understood():
    lines = [line for block in list_blocks("bash") for line in block.splitlines()]
    train = [line.split("train.py ")[1] for line in lines if "train.py " in line]
    push = [line.split("push_to_hub.py ")[1] for line in lines if "push_to_hub.py " in line]
    read = [line.split("inference.films ")[1] for line in lines if "inference.films " in line]
    scored = [line.split("inference.score ")[1] for line in lines if "inference.score " in line]
    explained = [line.split("inference.explain ")[1] for line in lines if "inference.explain " in line]
    seen = [line.split("evaluation.report ")[1] for line in lines if "evaluation.report " in line]
    assert len(train) == 2
    assert len(push) == 1
    assert len(read) == 3
    assert len(scored) == 1
    assert len(explained) == 2
    assert len(seen) == 1
    for line in train:
        words = line.split()
        parse_arguments([str(REPOSITORY / words[0]), *words[1:]] if words[0].endswith(".yaml") else words)
    for line in read:
        build_films_parser().parse_args(line.split())
    for line in push:
        build_push_parser().parse_args(line.split())
    for line in explained:
        build_explain_parser().parse_args(shlex.split(line))
    for line in scored:
        parse_score_options(line.split())
    for line in seen:
        build_report_parser().parse_args(line.split())


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
