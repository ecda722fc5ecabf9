"""Pieces of the model card in Markdown, each from a part of results.json; a part without data gives an empty text."""

import json
from collections.abc import Iterable, Mapping, Sequence


METRIC_NAMES = {
    "accuracy": "Accuracy",
    "precision_macro": "Precision, macro",
    "recall_macro": "Recall, macro",
    "f1_macro": "F1, macro",
    "precision_weighted": "Precision, weighted",
    "recall_weighted": "Recall, weighted",
    "f1_weighted": "F1, weighted",
    "mcc": "Matthews correlation",
    "expected_calibration_error": "Expected calibration error",
    "loss": "Loss",
    "num_reviews": "Reviews",
}


def render_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table, or an empty text if there are no rows."""
    lines = ["| " + " | ".join(_render_cell(cell) for cell in row) + " |" for row in rows]
    rule = "|" + "---|" * len(head)
    return "\n".join(["| " + " | ".join(head) + " |", rule, *lines]) if lines else ""


def _render_cell(value: object) -> str:
    return render_value(value).replace("|", "\\|").replace("\n", " ")


def render_value(value: object) -> str:
    """Return a value for people: whole numbers with thousands, others with four decimals, lists as JSON."""
    if value is None:
        return ""
    if isinstance(value, bool) or isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e4 else f"{value:.4g}"
    return json.dumps(value, ensure_ascii=False)


def render_labels(labels: Sequence[str], polarity: Sequence[float] | None) -> str:
    """Return the table of labels, with their polarity where they have one."""
    if polarity is None:
        return render_table(["label", "name"], [[str(i), name] for i, name in enumerate(labels)])
    return render_table(
        ["label", "name", "polarity"],
        [[str(i), name, f"{value:g}"] for i, (name, value) in enumerate(zip(labels, polarity, strict=True))],
    )


def render_data(data: Mapping) -> str:
    """Return where the reviews come from, how many each split has, and what was dropped."""
    splits = data.get("splits", {})
    names = list(dict.fromkeys(name for split in splits.values() for name in split.get("label_counts", {})))
    table = render_table(
        ["split", "reviews", *names, "fingerprint"],
        [
            [
                split,
                entry["num_reviews"],
                *(entry.get("label_counts", {}).get(name, 0) for name in names),
                f"`{entry['fingerprint'][:16]}`" if entry.get("fingerprint") else "",
            ]
            for split, entry in splits.items()
        ],
    )
    dropped = ", ".join(
        f"{reason} {render_value(count)}" for reason, count in _flatten(data.get("dropped", {})) if count
    )
    return _join(
        f"Source: {data['source']}." if data.get("source") else "",
        table,
        f"Dropped before training: {dropped}." if dropped else "",
        "A fingerprint is the start of the sha256 over all texts and labels of a split, in any order."
        if table
        else "",
    )


def render_training(results: Mapping) -> str:
    """Return the settings that differ from the defaults, the seed, the time, and the course by epochs."""
    groups = results.get("arguments", {})
    settings = [
        (f"`{name}`", f"{value:g}" if isinstance(value, float) else value)
        for group in groups.values()
        for name, value in group.items()
    ]
    settings += [("`seed`", str(results["seed"]))] if "seed" in results and ("`seed`" not in dict(settings)) else []
    settings += [
        (name.replace("_", " "), f"{results[name]:,.0f}")
        for name in ("train_seconds", "evaluate_seconds")
        if results.get(name) is not None
    ]
    return _join(render_table(["setting", "value"], settings), _render_history(results.get("history") or []))


def _render_history(history: Sequence[Mapping]) -> str:
    columns = list(dict.fromkeys(name for epoch in history for name in epoch))
    return render_table(
        [name.replace("_", " ") for name in columns], [[epoch.get(name) for name in columns] for epoch in history]
    )


def render_results(metrics: Mapping[str, Mapping], labels: Sequence[str]) -> str:
    """Return all metrics, one column a split, and the confusion matrix of the last split that has one."""
    splits = [name for name in ("validation", "test") if metrics.get(name)]
    names = list(dict.fromkeys(name for split in splits for name in metrics[split]))
    known = [name for name in METRIC_NAMES if name in names]
    scalars = [*known, *(name for name in names if name not in METRIC_NAMES and name != "confusion_matrix")]
    table = render_table(
        ["metric", *splits],
        [[METRIC_NAMES.get(name, name), *(metrics[split].get(name) for split in splits)] for name in scalars],
    )
    matrix = next(
        (metrics[s]["confusion_matrix"] for s in reversed(splits) if metrics[s].get("confusion_matrix")), None
    )
    if matrix is None or len(matrix) != len(labels):
        return table
    rows = [[f"**{name}**", *counts] for name, counts in zip(labels, matrix, strict=True)]
    return _join(table, "Confusion matrix, rows are the true labels:", render_table(["", *labels], rows))


def render_calibration(calibration: Mapping) -> str:
    """Return how the probabilities were calibrated, and what it changed."""
    if not calibration.get("temperature"):
        return ""
    before, after = (calibration.get(f"expected_calibration_error_{when}") for when in ("before", "after"))
    return _join(
        f"The logits were divided by a temperature of {calibration['temperature']:.3f}, fitted on the validation "
        "reviews. The division is part of the weights, so that the probabilities are calibrated wherever it runs.",
        f"Expected calibration error before: {before:.4f}, after: {after:.4f}." if None not in (before, after) else "",
    )


def render_environment(environment: Mapping[str, Mapping]) -> str:
    """Return versions and hardware."""
    rows = [row for part in ("versions", "hardware") for row in _flatten(environment.get(part) or {})]
    return render_table(["part", "value"], [(name, str(value)) for name, value in rows if value not in (None, "")])


def _flatten(entries: Mapping, prefix: str = "") -> list[tuple[str, object]]:
    flat = []
    for name, value in entries.items():
        label = f"{prefix}{name}".replace("_", " ")
        flat += _flatten(value, f"{label}: ") if isinstance(value, Mapping) else [(label, value)]
    return flat


def _join(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)
