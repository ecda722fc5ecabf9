"""What an experiment is.

An experiment is a JSON file: `name` (that of the file), `system` (a name of baselines/base.py), `corpus` (a name of
baselines/corpora.py), `encoder` (a name, or null), `seeds` and, where the system has any, `options`. In the texts of
options {encoder} and {data} stand for the folders given on the command line, and {glove} for a file of the GloVe
vectors that come as a package.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

from baselines.base import needs_encoder
from baselines.corpora import CORPORA


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
