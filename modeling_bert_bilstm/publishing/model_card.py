"""The model card: the template model_card.md with every field filled from results.json and config.json."""

import re
from collections.abc import Mapping
from pathlib import Path

from huggingface_hub import EvalResult, ModelCard, ModelCardData
from huggingface_hub.utils import HFValidationError, validate_repo_id

from ..evaluation.pictures import PICTURE_NAMES
from ..inference.onnx import OnnxExport
from . import card_tables
from .errors import PublishingError


TAGS = ("sentiment-analysis", "movie-reviews", "bert", "bilstm", "custom_code")

# Metrics of model-index by their names on the Hub.
_HUB_METRICS = {
    "accuracy": "accuracy",
    "precision_macro": "precision",
    "recall_macro": "recall",
    "f1_macro": "f1",
    "mcc": "matthews_correlation",
}
# Encoders that arrive under another name than that of their repo.
_ENCODER_REPOS = {"all-MiniLM-L6-v2": "sentence-transformers/all-MiniLM-L6-v2"}

_USAGE = """
from transformers import AutoModel, AutoTokenizer, pipeline

repo, revision = "{repo_id}", "{revision}"
sentiment = pipeline("sentiment-analysis", model=repo, revision=revision, trust_remote_code=True)
print(sentiment("A slow start, but what an ending."))
{polarity}
tokenizer = AutoTokenizer.from_pretrained(repo, revision=revision, trust_remote_code=True)
model = AutoModel.from_pretrained(repo, revision=revision, trust_remote_code=True)
print(model(**tokenizer("Great fun.", return_tensors="pt")).logits)
"""
_POLARITY_USAGE = """
overall = pipeline("aggregate-polarity", model=repo, revision=revision, trust_remote_code=True)
print(overall({"First film": ["Superb.", "Dull."], "Second film": ["Moving, and well acted."]}))
"""
_POLARITY = """Polarity is a number in [-1, 1]; 0 is neutral. `aggregate-polarity` weighs the shares of the labels
among a film's reviews with it and gives the result with an interval of 90%; beside it stands the verdict by counting
predicted labels."""
_FIELD = re.compile(r"{{\s*(\w+)\s*}}")


def has_overall_polarity(config: Mapping) -> bool:
    """Say whether a model tells overall polarity: it must give one of 2 to 5 labels to each review."""
    is_single_label = config.get("problem_type") in (None, "single_label_classification")
    return is_single_label and 2 <= len(config.get("label_polarity") or ()) <= 5


def render_usage(repo_id: str, revision: str = "main", *, with_polarity: bool = True) -> str:
    """Return the twelve lines that use a published model; nine where it does not tell overall polarity."""
    polarity = _POLARITY_USAGE if with_polarity else ""
    return _USAGE.strip().format(repo_id=repo_id, revision=revision, polarity=polarity)


def render_model_card(
    results: Mapping,
    config: Mapping,
    *,
    repo_id: str | None = None,
    license_id: str = "apache-2.0",
    export: OnnxExport | None = None,
    pictures: Mapping[str, str] | None = None,
) -> str:
    """Return the model card of a run: metadata and text, every number from `results` and `config`.

    Args:
        results: What results.json holds.
        config: What config.json holds; the card takes labels, polarities and window sizes from it.
        repo_id: The repo that the card names, `owner/name`. Default: `YOUR_NAME/` and the name of the run.
        license_id: License of the weights, as the Hub spells it.
        export: The ONNX files that are published too.
        pictures: What shows each picture that is published too, by its name; see `card_pictures`.

    Raises:
        PublishingError: `results` lacks a part, or the template has a field that nothing fills.
    """
    missing = [part for part in ("name", "model", "data", "metrics") if part not in results]
    if missing:
        raise PublishingError(
            f"results.json must have {missing}, found {sorted(results)}. Let train.py write it anew."
        )
    if not results["metrics"]:
        raise PublishingError(
            "results.json must hold metrics, found none: the run had neither validation nor test reviews. Give "
            "train.py a `--validation_size` or a `--test_size`."
        )
    repo_id = repo_id or f"YOUR_NAME/{results['name']}"
    # config.json leaves out label names that are the default of transformers.
    labels = list(config.get("id2label", {}).values()) or list(results["labels"])
    has_polarity = has_overall_polarity(config)
    fields = {
        "metadata": _build_metadata(results, license_id).to_yaml(),
        "title": results["name"],
        "summary": _render_summary(results, labels, has_polarity),
        "usage": render_usage(repo_id, with_polarity=has_polarity),
        "reading": _render_reading(config),
        "onnx": _render_onnx(export) if export else "",
        "labels": card_tables.render_labels(labels, config["label_polarity"]) if len(labels) > 1 else "",
        "polarity": _POLARITY if has_polarity else "",
        "data": card_tables.render_data(results["data"]),
        "training": card_tables.render_training(results),
        "results": card_tables.render_results(results["metrics"], labels),
        "calibration": card_tables.render_calibration(results.get("calibration") or {}),
        **{f"picture_{name}": (pictures or {}).get(name, "") for name in PICTURE_NAMES},
        "environment": card_tables.render_environment(results.get("environment") or {}),
        "citation": _render_citation(results["name"], repo_id),
    }
    card = fill_template(find_template().read_text(encoding="utf-8"), fields)
    ModelCard(card)  # raises where the Hub would refuse the metadata
    return card


def find_template() -> Path:
    """Return the template: that of an installed package, or model_card.md at the root of a clone.

    Raises:
        FileNotFoundError: Neither is there.
    """
    here = Path(__file__).parent
    places = [here / "model_card.md", here.parents[1] / "model_card.md"]
    for path in places:
        if path.is_file():
            return path
    raise FileNotFoundError(f"The template of the model card is at none of {[str(path) for path in places]}.")


def fill_template(template: str, fields: Mapping[str, str]) -> str:
    """Return the template with its `{{fields}}` filled; a section all of whose fields are empty vanishes.

    Raises:
        PublishingError: The template has a field that `fields` lacks.
    """
    unfilled = sorted(set(_FIELD.findall(template)) - set(fields))
    if unfilled:
        raise PublishingError(
            f"The model card has unfilled fields: {unfilled}. The fields are {sorted(fields)}; "
            "fill the others in or remove them from model_card.md."
        )
    sections = re.split(r"^(?=## )", template, flags=re.MULTILINE)
    kept = [section for section in sections if _has_content(section, fields)]
    return _FIELD.sub(lambda match: fields[match[1]], "".join(kept))


def _has_content(section: str, fields: Mapping[str, str]) -> bool:
    names = _FIELD.findall(section)
    return not names or any(fields[name] for name in names)


def _build_metadata(results: Mapping, license_id: str) -> ModelCardData:
    evaluations = _build_evaluations(results)
    return ModelCardData(
        language="en",
        license=license_id,
        library_name="transformers",
        pipeline_tag="text-classification",
        tags=list(TAGS),
        base_model=_find_repo(results["model"].get("encoder")),
        datasets=_find_repo(results["data"].get("source")),
        metrics=list(dict.fromkeys(evaluation.metric_type for evaluation in evaluations)) or None,
        model_name=results["name"] if evaluations else None,
        eval_results=evaluations or None,
    )


def _build_evaluations(results: Mapping) -> list[EvalResult]:
    """Return the metrics of the test split, or of validation where there is no test."""
    split = next((name for name in ("test", "validation") if results["metrics"].get(name)), None)
    source = results["data"].get("source") or results["name"]
    skipped = ("loss", "num_reviews", "confusion_matrix", "precision_weighted", "recall_weighted", "f1_weighted")
    return [
        EvalResult(
            task_type="text-classification",
            task_name="Sentiment of film reviews",
            dataset_type=_find_repo(source) or re.sub(r"[^a-z0-9]+", "-", source.lower()).strip("-"),
            dataset_name=source,
            dataset_split=split,
            metric_type=_HUB_METRICS.get(name, name),
            metric_name=card_tables.METRIC_NAMES.get(name, name),
            metric_value=value,
        )
        for name, value in (results["metrics"][split] if split else {}).items()
        if name not in skipped and isinstance(value, int | float)
    ]


def _find_repo(name: str | None) -> str | None:
    """Return the Hub id that a name stands for, or None where it is no Hub id."""
    name = _ENCODER_REPOS.get(name, name)
    try:
        validate_repo_id(name)
    except HFValidationError:
        return None
    return name if name and "/" in name else None


def _render_summary(results: Mapping, labels: list[str], has_polarity: bool) -> str:
    model = results["model"]
    parameters = f", {model['num_parameters']:,} parameters" if model.get("num_parameters") else ""
    trained = (
        f", {model['num_trainable_parameters']:,} of them trained" if model.get("num_trainable_parameters") else ""
    )
    sentiment = (
        f"the sentiment of each ({', '.join(labels)})" if len(labels) > 1 else "the sentiment of each as a number"
    )
    polarity = (
        ", and that tells what the reviewers of a film think together, with how sure it is" if has_polarity else ""
    )
    return (
        f"A BERT+BiLSTM that reads film reviews of any length and tells {sentiment}{polarity}.\n\n"
        f"Encoder: {model.get('encoder', 'unknown')}{parameters}{trained}."
    )


def _render_reading(config: Mapping) -> str:
    head = (
        "A BiLSTM then reads the whole review" if config["lstm_num_layers"] else "The head then sees the whole review"
    )
    return (
        f"Nothing is cut. A review longer than {config['window_length']:,} word pieces is read by the encoder in "
        f"windows that share {config['window_overlap']:,} word pieces, and stitched back so that each word piece has "
        f"one state. {head}, across the windows. Leave `truncation` out."
    )


def _render_onnx(export: OnnxExport) -> str:
    return (
        "`onnx/model.onnx` (float32) and `onnx/model_int8.onnx` (an encoder in int8) need onnxruntime alone. They "
        "take `input_ids` and `attention_mask`, int64 (reviews, word pieces), any number of either, and give "
        "`logits`; names of labels are in their metadata. On "
        f"{export.num_reviews} texts of 2 to {export.max_length:,} word pieces their probabilities differ from those "
        f"of the weights by at most {export.float32.max_difference:.1e} and {export.int8.max_difference:.3f}, on "
        f"average by {export.int8.mean_difference:.4f} in int8."
    )


def _render_citation(name: str, repo_id: str) -> str:
    key = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    return f"@misc{{{key},\n  title = {{{name}}},\n  howpublished = {{\\url{{https://huggingface.co/{repo_id}}}}}\n}}"
