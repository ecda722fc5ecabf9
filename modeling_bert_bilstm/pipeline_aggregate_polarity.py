"""The pipeline "aggregate-polarity": what the reviews of a film say together, for one film or for many.

    pipe = pipeline("aggregate-polarity", model=REPO, trust_remote_code=True)
    pipe(["A superb film.", "Not for me."])                        # one film -> its entry
    pipe({"Alien": ["Superb.", "Tense."], "Aliens": ["Loud."]})    # many films -> an entry each
    pipe([{"film": "Alien", "text": "Superb."}], group_key="film")  # rows -> an entry for each film

Reviews are scored in batches of like length, but everything that comes back stands in the order given. What cannot be
scored is listed with its position and the reason, and the rest is scored all the same.
"""

import difflib
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from transformers import Pipeline
from transformers.utils import logging

from .polarity import METHODS, PolarityTally, check_method, fit_film_prior, predict_labels


DEFAULT_OPTIONS = {
    "batch_size": 8,
    "confidence": 0.9,
    "group_key": "group",
    "method": METHODS[0],
    "return_reviews": False,
    "show_progress": None,
    "text_key": "text",
}
_LONG_WORK = 100  # reviews from which on a progress bar is shown


@dataclass
class Film:
    """The reviews of one film that can be scored, where they stood, and what was left out and why."""

    texts: list[str] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    skipped: list[dict[str, int | str | None]] = field(default_factory=list)

    def add(self, position: int, review: object) -> None:
        """Take a review, or note why it cannot be scored."""
        if not isinstance(review, str):
            self.skip(position, f"A review must be a string, found {type(review).__name__}.")
        elif not review.strip():
            self.skip(position, "The review is empty.")
        else:
            self.texts.append(str(review))
            self.positions.append(position)

    def skip(self, position: int | None, reason: str) -> None:
        """Note what was left out; `position` is None where it is about the film as a whole."""
        self.skipped.append({"position": position, "reason": reason})


def read_films(inputs: Iterable, *, text_key: str, group_key: str) -> tuple[dict[Hashable, Film], bool]:
    """Return each film's reviews in the order given, and whether `inputs` was the reviews of a single film.

    Args:
        inputs: Reviews of one film; or a mapping from film to its reviews; or rows, which are mappings.
        text_key: Where a row has its review.
        group_key: Where a row has its film.

    Raises:
        TypeError: `inputs` is none of these.
    """
    if isinstance(inputs, Mapping):
        return {name: _read_film(reviews) for name, reviews in inputs.items()}, False
    if isinstance(inputs, str | bytes) or not _is_iterable(inputs):
        raise TypeError(
            f"Expected a list of reviews, a mapping from film to reviews, or rows, found {type(inputs).__name__}. "
            "Put a single review into a list."
        )
    items = inputs.to_dict("records") if hasattr(inputs, "iterrows") else list(inputs)  # pandas iterates over columns
    telling = next((item for item in items if isinstance(item, str | Mapping)), None)
    if isinstance(telling, Mapping):
        return _read_rows(items, text_key, group_key), False
    return ({None: _read_film(items)} if items else {}), True


def _read_film(reviews: object) -> Film:
    film = Film()
    if isinstance(reviews, str | bytes) or not _is_iterable(reviews):
        film.skip(None, f"Expected a list of reviews, found {type(reviews).__name__}.")
        return film
    for position, review in enumerate(reviews):
        film.add(position, review)
    if not film.texts and not film.skipped:
        film.skip(None, "The film has no reviews.")
    return film


def _read_rows(rows: list, text_key: str, group_key: str) -> dict[Hashable, Film]:
    """Rows without a film are left out under the name None; positions count all rows."""
    films: dict[Hashable, Film] = {}
    for position, row in enumerate(rows):
        fields = row if isinstance(row, Mapping) else {}
        group = fields.get(group_key)
        is_named = (
            group is not None and group == group and isinstance(group, Hashable)
        )  # a missing number is not itself
        film = films.setdefault(group if is_named else None, Film())
        if is_named and text_key in fields:
            film.add(position, fields[text_key])
            continue
        found = sorted(map(str, fields)) if fields else type(row).__name__
        film.skip(
            position,
            f"A row must have a film under {group_key!r} and a review under {text_key!r}, found {found}. "
            "Name yours with `group_key` and `text_key`.",
        )
    return films


def _is_iterable(value: object) -> bool:
    try:
        iter(value)
    except TypeError:
        return False
    return True


class AggregatePolarityPipeline(Pipeline):
    """Tells what the reviews of a film say together: the papers' verdict, and an estimate with its interval.

    Raises:
        ValueError: The model does not give one of 2 to 5 labels to a review, or its config has no `label_polarity`.
        TypeError: An option does not exist.
    """

    _load_tokenizer = True
    _load_processor = False
    _load_image_processor = False
    _load_video_processor = False
    _load_feature_extractor = False

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self._batch_size is not None:
            self._postprocess_params = {
                **self._postprocess_params,
                **self._check_options({"batch_size": self._batch_size}),
            }
        config = self.model.config
        label_polarity = getattr(config, "label_polarity", None)
        if label_polarity is None or len(label_polarity) != config.num_labels:
            raise ValueError(
                "Overall polarity needs `label_polarity` in the model's config, one value in [-1, 1] a label, "
                f"found {label_polarity!r} for {config.num_labels} labels. Set it before you save the model."
            )
        if config.problem_type not in (None, "single_label_classification") or not 2 <= config.num_labels <= 5:
            raise ValueError(
                "Overall polarity needs a model that gives one of 2 to 5 labels to each review, found one with "
                f"`problem_type` {config.problem_type!r} and {config.num_labels} labels."
            )
        if self.tokenizer is None:
            raise ValueError("Overall polarity needs the model's tokenizer, found none. Pass it as `tokenizer`.")

    def __call__(self, inputs: Iterable, **options) -> dict:
        """Score the reviews of one film or of many and say what they say together.

        Args:
            inputs: A list of reviews -> one entry; a mapping from film to reviews -> an entry each; rows (a list, a
                data set, a generator of mappings) -> an entry for each film. Nothing at all gives an empty dictionary.
            **options: `batch_size` reviews at once (8); `confidence` of the intervals (0.9); `method` of the estimate,
                one of `METHODS` in polarity.py; `return_reviews` adds the single results; `group_key` and `text_key`
                name what rows hold; `show_progress` (from 100 reviews on).

        Returns:
            Entries with `verdict` (the papers' rule); `polarity` of the reviews in [-1, 1] and its `interval`;
            `audience_polarity` and `audience_interval` of all who might review the film; `num_reviews`, `counts` of
            predicted labels, estimated `shares`, `skipped` with the position and the reason, and if asked `reviews`
            with position, label, score and probabilities. Without reviews the estimates are None. From 20 films on,
            what they have in common helps to estimate each.

        Raises:
            TypeError: `inputs` is none of these, or an option does not exist.
            ValueError: An option is outside its range, or this model lacks what the method needs.
        """
        options = {**DEFAULT_OPTIONS, **self._postprocess_params, **self._check_options(options)}
        films, is_single = read_films(inputs, text_key=options["text_key"], group_key=options["group_key"])
        texts = [text for film in films.values() for text in film.texts]
        probabilities = self._score(texts, options["batch_size"], options["show_progress"])
        ends = np.cumsum([len(film.texts) for film in films.values()], dtype=int)
        parts = np.split(probabilities, ends)[:-1]
        scored = [_leave_out_lost(film, part) for film, part in zip(films.values(), parts, strict=True)]
        entries = dict(zip(films, self._build_entries([*films.values()], scored, options), strict=True))
        return entries.get(None, {}) if is_single else entries

    def _sanitize_parameters(self, **options) -> tuple[dict, dict, dict]:
        options.pop("local_files_only", None)  # `transformers.pipeline` hands its own on
        return {}, {}, self._check_options(options)

    def preprocess(self, texts: list[str]) -> list[dict[str, list[int]]]:
        """Split texts into word pieces; the model reads any length, so that nothing is cut."""
        encoded = self.tokenizer(texts, truncation=False, padding=False)
        return [{name: values[i] for name, values in encoded.items()} for i in range(len(texts))]

    def _forward(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        return self.model(**batch).logits

    def postprocess(self, logits: torch.Tensor) -> np.ndarray:
        """Turn logits into probabilities, rounded to what a tally holds: (B, C) -> (B, C)."""
        return torch.softmax(logits.float(), dim=-1).double().numpy().round(6)

    def _score(self, texts: list[str], batch_size: int, show_progress: bool | None) -> np.ndarray:
        """Probabilities of each text in the order given, (N, C)."""
        encoded = self.preprocess(texts) if texts else []
        longest_first = sorted(range(len(texts)), key=lambda i: -len(encoded[i]["input_ids"]))
        probabilities = np.empty((len(texts), self.model.config.num_labels))
        if show_progress is None:
            show_progress = len(texts) >= _LONG_WORK
        was_training = self.model.training
        self.model.eval()
        with logging.tqdm(total=len(texts), desc="Scoring", unit="review", disable=not show_progress) as progress:
            for start in range(0, len(texts), batch_size):
                chosen = longest_first[start : start + batch_size]
                batch = self._pad([encoded[i] for i in chosen])
                probabilities[chosen] = self.postprocess(self.forward(batch))
                progress.update(len(chosen))
        self.model.train(was_training)
        return probabilities

    def _pad(self, encoded: list[dict[str, list[int]]]) -> Mapping[str, torch.Tensor]:
        # The texts were split together before, where padding would have made all as long as the longest.
        getattr(self.tokenizer, "deprecation_warnings", {})["Asking-to-pad-a-fast-tokenizer"] = True
        return self.tokenizer.pad(encoded, return_tensors="pt")

    def _build_entries(self, films: list[Film], scored: list[np.ndarray], options: dict) -> list[dict]:
        config = self.model.config
        labels = [config.id2label[i] for i in range(config.num_labels)]
        label_prior = getattr(config, "label_prior", None)
        tallies = [PolarityTally.from_probabilities(probabilities) for probabilities in scored]
        film_prior = fit_film_prior(tallies, label_prior)
        entries = []
        for film, probabilities, tally in zip(films, scored, tallies, strict=True):
            entry = tally.summarise(
                labels,
                config.label_polarity,
                label_prior,
                confidence=options["confidence"],
                method=options["method"],
                film_prior=film_prior,
                label_confusion=getattr(config, "label_confusion", None),
            )
            entry["skipped"] = film.skipped
            if options["return_reviews"]:
                entry["reviews"] = _list_reviews(film.positions, probabilities, labels)
            entries.append(entry)
        return entries

    def _check_options(self, options: dict) -> dict:
        """Return the options if all exist and are in range."""
        for name in options:
            if name not in DEFAULT_OPTIONS:
                nearest = difflib.get_close_matches(name, DEFAULT_OPTIONS, n=1)
                hint = f" Did you mean `{nearest[0]}`?" if nearest else ""
                raise TypeError(f"There is no option `{name}`; the options are {sorted(DEFAULT_OPTIONS)}.{hint}")
        batch_size, confidence = options.get("batch_size", 1), options.get("confidence", 0.9)
        if not isinstance(batch_size, int) or batch_size < 1:
            raise ValueError(f"`batch_size` must be a whole number of at least 1, got {batch_size!r}.")
        if not isinstance(confidence, int | float) or not 0 < confidence < 1:
            raise ValueError(f"`confidence` must be a number between 0 and 1, such as 0.9, got {confidence!r}.")
        check_method(options.get("method", METHODS[0]), getattr(self.model.config, "label_confusion", None))
        return options


def _leave_out_lost(film: Film, probabilities: np.ndarray) -> np.ndarray:
    """Return the probabilities of the reviews that the model could score, and note which it could not."""
    is_finite = np.isfinite(probabilities).all(axis=1)
    for i in np.flatnonzero(~is_finite):
        film.skip(film.positions[i], "The model gave no finite score.")
    film.positions = [film.positions[i] for i in np.flatnonzero(is_finite)]
    return probabilities[is_finite]


def _list_reviews(positions: list[int], probabilities: np.ndarray, labels: list[str]) -> list[dict]:
    """One entry a review; `label` is None where several labels share the highest score."""
    predicted = predict_labels(probabilities) if positions else []
    return [
        {
            "position": position,
            "label": labels[label] if label >= 0 else None,
            "score": float(row.max()),
            "probabilities": dict(zip(labels, row.tolist(), strict=True)),
        }
        for position, label, row in zip(positions, predicted, probabilities, strict=True)
    ]
