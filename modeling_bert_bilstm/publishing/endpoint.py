"""The files that let a published model answer by itself: handler.py, requirements.txt and a Dockerfile."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from .check import CHECK_TEXTS, build_stranger_environment
from .errors import PublishingError
from .model_card import has_overall_polarity


HANDLER = ("handler.py", "requirements.txt", "Dockerfile")

_REQUIREMENTS = "torch>=2.6\ntransformers>=4.57,<6\n"
_DOCKERFILE = """# docker build -t reviews . && docker run -p 8080:8080 reviews
FROM python:3.11-slim
WORKDIR /model
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt "litserve>=0.2.17,<0.3"
COPY . .
ENV HF_HUB_OFFLINE=1
RUN useradd --create-home --uid 1000 model
USER model
EXPOSE 8080
CMD ["python", "handler.py", "8080"]
"""
# Loads the handler as the Inference Toolkit does: by its file, with the folder as its argument.
_CALL = """
import importlib.util, json, sys
sys.modules["modeling_bert_bilstm"] = None
folder, requests = sys.argv[1], json.load(sys.stdin)
spec = importlib.util.spec_from_file_location("handler", f"{folder}/handler.py")
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
handler = module.EndpointHandler(folder)
sys.stdout.write("\\n" + json.dumps([handler(request) for request in requests]) + "\\n")
"""
_TOLERANCE = 1e-5


def write_handler(folder: Path) -> None:
    """Write the three files beside those of a model."""
    source = Path(__file__).with_name("endpoint_handler.py").read_text(encoding="utf-8")
    for name, content in zip(HANDLER, (source, _REQUIREMENTS, _DOCKERFILE), strict=True):
        (folder / name).write_text(content, encoding="utf-8")


def check_handler(hub_folder: str | Path, expected: list[dict[str, str | float]]) -> None:
    """Let the handler answer in a process without this package, as an endpoint would, and compare.

    Args:
        hub_folder: What `build_hub_folder` wrote, with the handler.
        expected: Label and score of each of `CHECK_TEXTS`, as `pipeline("sentiment-analysis")` gives them.

    Raises:
        PublishingError: The handler fails, or says another thing.
    """
    folder = Path(hub_folder).resolve()
    requests = [{"inputs": CHECK_TEXTS[0]}, {"inputs": list(CHECK_TEXTS), "parameters": {"top_k": 1}}]
    if has_overall_polarity(json.loads((folder / "config.json").read_text(encoding="utf-8"))):
        requests.append({"inputs": {"a film": list(CHECK_TEXTS)}})
    with tempfile.TemporaryDirectory(prefix="stranger_") as home:
        done = subprocess.run(
            [sys.executable, "-I", "-c", _CALL, str(folder)],
            input=json.dumps(requests),
            capture_output=True,
            text=True,
            encoding="utf-8",
            cwd=home,
            env=build_stranger_environment(home) | {"HF_HUB_OFFLINE": "1"},
            check=False,
        )
    if done.returncode:
        raise PublishingError(
            f"`{hub_folder}/handler.py` fails in a process without this package, which said:\n"
            + "\n".join(done.stderr.strip().splitlines()[-12:])
        )
    first, tops, *_ = json.loads(done.stdout.splitlines()[-1])
    found = [first[0][0], *(top[0] for top in tops)]
    for answer, wanted in zip(found, [expected[0], *expected], strict=True):
        if answer["label"] != wanted["label"] or not abs(answer["score"] - wanted["score"]) <= _TOLERANCE:
            raise PublishingError(
                f"`{hub_folder}/handler.py` must answer as the pipeline does: expected {wanted}, found "
                f"{answer}. Was the folder changed after it was built?"
            )
