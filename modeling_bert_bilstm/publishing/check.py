"""Check a publishable folder as a stranger: new process, empty folder, without this package and without network."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import AutoTokenizer

from ..modeling_bert_bilstm import BertBiLSTMForSequenceClassification
from .errors import PublishingError
from .model_card import has_overall_polarity


CHECK_TEXTS = (
    "A moving film with a superb cast.",
    "Dull, far too long, and badly acted.",
    "The plot is weak, but the music and the ending are great.",
    " ".join(["It was good in parts and boring in others, and I never knew what came next."] * 60),  # several windows
)
TASKS = ("sentiment-analysis", "aggregate-polarity")
_LOADERS = ("AutoConfig", "AutoTokenizer", "AutoModel", "AutoModelForSequenceClassification")
# Where a stranger's libraries must not look: the tokens and caches of the person who publishes.
_OWN_PLACES = (
    "HF_ASSETS_CACHE",
    "HF_ENDPOINT",
    "HF_HUB_CACHE",
    "HF_TOKEN",
    "HF_TOKEN_PATH",
    "HUGGINGFACE_HUB_CACHE",
    "HUGGING_FACE_HUB_TOKEN",
    "TRANSFORMERS_CACHE",
)


@dataclass(frozen=True)
class HubFolderCheck:
    """What a stranger found.

    Attributes:
        answers: What each step gave: the Auto classes, then the pipelines by their tasks.
        seconds: What each step took.
        is_compared: Whether the logits were compared with those of the run folder, and found equal.
    """

    answers: dict[str, object]
    seconds: dict[str, float]
    is_compared: bool

    @property
    def has_polarity(self) -> bool:
        """Whether the model tells overall polarity."""
        return "aggregate-polarity" in self.answers

    @property
    def logits(self) -> list[list[float]]:
        """The logits of `CHECK_TEXTS`, (N, C)."""
        return self.answers["AutoModel"]

    def render(self) -> str:
        """Return the table that push_to_hub.py prints."""
        outcome = "loaded, equal to the run" if self.is_compared else "loaded"
        rows = [f"{step:<36}{seconds:>8.2f}  {outcome}" for step, seconds in self.seconds.items()]
        return "\n".join([f"{'as a stranger':<36}{'seconds':>8}  outcome", *rows])


def check_hub_folder(hub_folder: str | Path, run_folder: str | Path | None = None) -> HubFolderCheck:
    """Load a publishable folder in an isolated process in every way that its card promises, and compare.

    Args:
        hub_folder: What `build_hub_folder` wrote.
        run_folder: The run that it was built from; its word pieces and logits, computed here, must be equal bit for
            bit.

    Raises:
        PublishingError: Something does not load, or says another thing than the run; the message names the step.
    """
    folder = Path(hub_folder).resolve()
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    tasks = TASKS if has_overall_polarity(config) else TASKS[:1]
    answers, seconds = load_as_stranger(str(folder), tasks=tasks, environment={"HF_HUB_OFFLINE": "1"})
    expected = {} if run_folder is None else _score_here(Path(run_folder))
    # A custom class and a stock one answer alike, whatever they were asked to be.
    expected.setdefault("AutoModelForSequenceClassification", answers["AutoModel"])
    for step, answer in expected.items():
        if answers[step] != answer:
            raise PublishingError(
                f"A stranger's {step} of `{hub_folder}` must answer as the run does: expected "
                f"{_shorten(answer)}, found {_shorten(answers[step])}. Was the folder changed after it was built?"
            )
    return HubFolderCheck(answers, seconds, is_compared=run_folder is not None)


def load_as_stranger(
    model: str,
    *,
    revision: str | None = None,
    tasks: Sequence[str] = TASKS,
    environment: Mapping[str, str] | None = None,
) -> tuple[dict[str, object], dict[str, float]]:
    """Return the answers and the seconds of each step in a new isolated process with no token and empty caches.

    Args:
        model: A folder or a repo.
        revision: A revision of the repo.
        tasks: Pipelines to build.
        environment: Variables of the new process, beside those of this one.

    Raises:
        PublishingError: A step failed; the message names it and ends with what the process said.
    """
    source = Path(__file__).with_name("stranger.py").read_text(encoding="utf-8")
    request = {"model": model, "revision": revision, "texts": CHECK_TEXTS, "tasks": tasks}
    request["num_threads"] = torch.get_num_threads()
    with tempfile.TemporaryDirectory(prefix="stranger_") as home:
        variables = build_stranger_environment(home) | dict(environment or {})
        work = Path(home) / "work"
        work.mkdir()
        done = subprocess.run(
            [sys.executable, "-I", "-c", source],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            encoding="utf-8",
            cwd=work,
            env=variables,
            check=False,
        )
    reports = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"step"')]
    steps = [*_LOADERS, *tasks]
    if done.returncode or len(reports) < len(steps):
        failed = steps[len(reports)] if len(reports) < len(steps) else "the end"
        raise PublishingError(
            f"A stranger cannot use `{model}`: {failed} failed in a process without this package, which said:\n"
            + "\n".join(done.stderr.strip().splitlines()[-12:])
        )
    return (
        {report["step"]: report["answer"] for report in reports},
        {report["step"]: report["seconds"] for report in reports},
    )


def build_stranger_environment(home: str) -> dict[str, str]:
    """Return the variables of a process that knows no token and has empty caches, in the folder `home`."""
    variables = {name: value for name, value in os.environ.items() if name not in _OWN_PLACES}
    return variables | {"HF_HOME": f"{home}/hf", "HF_MODULES_CACHE": f"{home}/modules", "TQDM_DISABLE": "1"}


def _score_here(run_folder: Path) -> dict[str, object]:
    tokenizer = AutoTokenizer.from_pretrained(run_folder)
    model = BertBiLSTMForSequenceClassification.from_pretrained(run_folder).eval()
    with torch.inference_mode():
        logits = [model(**tokenizer(text, return_tensors="pt")).logits[0].tolist() for text in CHECK_TEXTS]
    return {"AutoTokenizer": tokenizer(list(CHECK_TEXTS))["input_ids"], "AutoModel": logits}


def _shorten(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 200 else text[:200] + "..."
