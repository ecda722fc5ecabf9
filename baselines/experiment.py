"""What an experiment is, and where its encoder lies.

An experiment is a JSON file: `name` (that of the file), `system` (a name of baselines/base.py), `corpus` (a name of
baselines/corpora.py), `encoder` (a name, or null), `seeds` and, where the system has any, `options`. In the texts of
options {encoder} and {data} stand for the folders given on the command line, and {glove} for a file of the GloVe
vectors that come as a package.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

from transformers import AutoConfig

from baselines.base import needs_encoder
from baselines.corpora import CORPORA
from modeling_bert_bilstm.data import PACKAGE_PREFIX, resolve_package
from modeling_bert_bilstm.data.packages import PACKAGES


# model_type, layers and width of the encoders that experiments name.
ENCODERS = {
    "all-MiniLM-L6-v2": ("bert", 6, 384),
    "gte-small": ("bert", 12, 384),
    "all-mpnet-base-v2": ("mpnet", 12, 768),
    "bert-base-uncased": ("bert", 12, 768),
    "distilbert-base-uncased": ("distilbert", 6, 768),
}


@dataclass(frozen=True)
class Experiment:
    """What one file of baselines/experiments asks for.

    Attributes:
        name: Name of the file, and of the results.
        system: Name in baselines/base.py.
        corpus: Name in baselines/corpora.py.
        encoder: Name of the pretrained encoder, None for a system without.
        seeds: One training each.
        options: Options of the system.
    """

    name: str
    system: str
    corpus: str
    encoder: str | None
    seeds: tuple[int, ...]
    options: dict[str, object] = field(default_factory=dict)

    def get_path(self, results: Path, seed: int) -> Path:
        """Return where the result of a seed goes."""
        return results / self.corpus / f"{self.name}-{seed}.json"

    def fill_in_paths(self, **paths: Path | None) -> dict[str, object]:
        """Return the options with the paths given in place of their names in braces."""
        filled = dict(self.options)
        for name, path in paths.items():
            for key, value in filled.items():
                if isinstance(value, str) and path is not None:
                    filled[key] = value.replace(f"{{{name}}}", str(path))
        return filled


def load_experiment(path: Path) -> Experiment:
    """Return the experiment of a file.

    Raises:
        ValueError: A field is missing, unknown, or of no known system or corpus; or the name is not that of the file.
        FileNotFoundError: There is no such file.
    """
    fields = json.loads(path.read_text(encoding="utf-8"))
    needed = {"name", "system", "corpus", "encoder", "seeds"}
    if not needed <= set(fields) <= needed | {"options"}:
        raise ValueError(
            f"`{path.name}` must have the fields {sorted(needed)} and may have `options`, found {sorted(fields)}."
        )
    experiment = Experiment(**{**fields, "seeds": tuple(fields["seeds"])})
    if experiment.name != path.stem:
        raise ValueError(f"The experiment in `{path.name}` must be named {path.stem!r}, found {experiment.name!r}.")
    if experiment.corpus not in CORPORA:
        raise ValueError(f"The corpus of `{path.name}` must be one of {sorted(CORPORA)}, found {experiment.corpus!r}.")
    if needs_encoder(experiment.system) and experiment.encoder is None:
        raise ValueError(f"`{path.name}` must name an encoder: {experiment.system!r} starts from one.")
    return experiment


def find_encoder(name: str, folder: Path | None) -> Path:
    """Return the folder of an encoder.

    Args:
        name: What the experiment calls it.
        folder: The folder given: its own, or one that holds it under its name; None for the package that brings it.

    Raises:
        FileNotFoundError: It is in neither.
        ValueError: The folder holds an encoder of another kind or size.
    """
    choices = [] if folder is None else [folder / name, folder]
    found = next((choice for choice in choices if (choice / "config.json").is_file()), None)
    if found is None and name in PACKAGES:
        found = resolve_package(PACKAGE_PREFIX + name)
    if found is None:
        raise FileNotFoundError(
            f"The encoder {name!r} was not found: `--encoder` must be its folder, or one that holds `{name}`."
        )
    config = AutoConfig.from_pretrained(found)
    shape = (config.model_type, config.num_hidden_layers, config.hidden_size)
    if name in ENCODERS and shape != ENCODERS[name]:
        raise ValueError(
            f"{name!r} must have {_describe(ENCODERS[name])}, but the encoder in `{found}` has {_describe(shape)}."
        )
    if name not in ENCODERS and found.name != name:
        raise ValueError(
            f"{name!r} is none of the known encoders {sorted(ENCODERS)}, so that its folder must be called so, "
            f"got `{found}`."
        )
    return found


def _describe(shape: tuple[str, int, int]) -> str:
    return f"`model_type` {shape[0]!r}, {shape[1]} layers of width {shape[2]}"
