"""What each part of a system brings: pairs that differ in one option alone, and pairs as the papers train them."""

from collections.abc import Sequence

from modeling_bert_bilstm.augmentation import AUGMENTERS, PLAIN_COPY, parse_augmenter
from reports.cells import render_accuracy, render_comparison, render_seeds, render_verdict
from reports.compared import adjust, compare_rows
from reports.machines import render_remarks
from reports.measured import CORPUS_NAMES, DEFAULT_ENCODER, REFERENCE, Row, find_pair, find_row


# What is put in or exchanged, the system with it, and the one without. The two differ in one option of theirs.
EQUAL_PAIRS = (
    ("BiLSTM", "ours", "ours_no_lstm"),
    ("reading all of a review, not 512 word pieces", "ours", "ours_first_512"),
    *(
        (f"pooling: {pooling}, not mean and max", f"ours_{pooling}", "ours")
        for pooling in ("cls", "last", "mean", "max", "attention")
    ),
    ("SMOTE: encoder frozen", "frozen_smote", "frozen_bilstm"),
    ("SMOTE: on pooled vectors, after fine-tuning", "decoupled_smote", "decoupled"),
    ("rival of SMOTE: class weights", "ours_class_weights", "ours"),
    ("rival of SMOTE: oversampling", "ours_oversampling", "ours"),
)
# The option of `AUGMENTED` that names the augmenter: it has a row for each of them.
AUGMENTED, AUGMENTER = "ours_augmented", "augment"
# Likewise, and what else differs.
UNEQUAL_PAIRS = (
    (
        "encoder: pretrained, not from scratch",
        REFERENCE,
        "transformer_from_scratch",
        "size, words in place of word pieces, all of the training",
    ),
    (
        "encoder: fine-tuned, not frozen",
        REFERENCE,
        "frozen_cls",
        "the frozen one has logistic regression on standardised vectors, its strength chosen on validation",
    ),
    (
        "BiLSTM: our model, not the stock head",
        "ours",
        REFERENCE,
        "pooling (mean and max, not [CLS] and, on BERT and MPNet, one more dense layer), dropout of the head (0.2, "
        "not the encoder's), all of a review (not 512 word pieces), in windows of 256 (not one pass)",
    ),
    (
        "BiLSTM: Gao's, not Gao's BERT",
        "gao_bert_bilstm",
        "stock_gao",
        "learning rate 3e-5, not 1e-5; 10 epochs, not 20; label smoothing; dropout in the encoder; 200 word pieces, "
        "not 150; six layers at most",
    ),
    (
        "BiLSTM: Nkhata's text, not the stock head",
        "nkhata_text",
        REFERENCE,
        "half of the encoder frozen, epochs, the last of them kept, learning rate and schedule, length",
    ),
    (
        "BiLSTM: on a frozen encoder",
        "frozen_bilstm",
        "frozen_mean",
        "ten epochs of gradient steps, the best kept, not logistic regression; pooling (mean and max); 128 word "
        "pieces",
    ),
)
OTHER_ENCODER = "learning rate"
_HEAD = (
    "corpus | encoder | seeds | accuracy with | without | macro F1 with | without | difference of accuracy | p "
    "| verdict |"
)

Pair = tuple[str, Row, Row, str]


def list_equal_pairs(rows: Sequence[Row]) -> list[Pair]:
    """Return what differs, the row with it and the row without, for all pairs of one corpus that are measured.

    Raises:
        ValueError: The experiments of a pair give their systems other options.
    """
    pairs = _find_pairs(rows, [(*pair, "") for pair in EQUAL_PAIRS])
    for row in rows:
        plain = find_row(rows, "ours", row.encoder)
        if row.system == AUGMENTED and plain is not None:
            pairs.append((_name_augmenter(row.record["options"][AUGMENTER]), row, plain, ""))
    for _, row, other, _ in pairs:
        options = {key: value for key, value in row.record["options"].items() if key != AUGMENTER}
        if options != other.record["options"]:
            raise ValueError(
                f"`{row.record['experiment']}` and `{other.record['experiment']}` must differ in one thing, but the "
                f"one has the options {options} and the other {other.record['options']}. Give both the same ones."
            )
    return pairs


def list_unequal_pairs(rows: Sequence[Row]) -> list[Pair]:
    """Return the same for pairs that differ in more, and what else differs."""
    pairs = _find_pairs(rows, UNEQUAL_PAIRS)
    for encoder in _list_encoders(rows):
        for system in (REFERENCE, "ours"):
            pair = find_row(rows, system, encoder), find_row(rows, system)
            if encoder != DEFAULT_ENCODER and all(pair):
                pairs.append((f"encoder: {encoder}, not {DEFAULT_ENCODER}", *pair, OTHER_ENCODER))
    return pairs


def _name_augmenter(option: str) -> str:
    name, _ = parse_augmenter(option)
    may_change = name != PLAIN_COPY and not AUGMENTERS[name].keeps_label
    return f"NLPAUG: {name}{', which may change the label' if may_change else ''}"


def _list_encoders(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row.encoder for row in rows if row.encoder))


def _find_pairs(rows: Sequence[Row], pairs: Sequence[tuple[str, str, str, str]]) -> list[Pair]:
    found = []
    for part, system, other, also in pairs:
        for encoder in _list_encoders(rows):
            pair = find_pair(rows, system, other, encoder)
            if pair:
                found.append((part, *pair, also))
    return found


def render_equal(rows: dict[str, list[Row]]) -> str | None:
    """Render what each part brings, all else equal, on every corpus."""
    return _render([pair for of_corpus in rows.values() for pair in list_equal_pairs(of_corpus)])


def render_unequal(rows: dict[str, list[Row]]) -> str | None:
    """Render the pairs that differ in more than a part, on every corpus."""
    return _render([pair for of_corpus in rows.values() for pair in list_unequal_pairs(of_corpus)])


def _render(pairs: Sequence[Pair]) -> str | None:
    if not pairs:
        return None
    has_also = any(also for *_, also in pairs)
    head = f"| part | with | without |{' what else differs |' if has_also else ''} {_HEAD}"
    lines = [head, "|---" * (head.count("|") - 1) + "|"]
    comparisons = adjust([compare_rows(row, other) for _, row, other, _ in pairs])
    for (part, row, other, also), comparison in zip(pairs, comparisons, strict=True):
        cells = [part, row.name, other.name, *([also] if has_also else []), CORPUS_NAMES[row.corpus], row.encoder]
        cells += [" and ".join(dict.fromkeys(render_seeds(each) for each in (row, other)))]
        cells += [render_accuracy(each, key) for key in ("accuracy", "f1_macro") for each in (row, other)]
        cells += [*render_comparison(comparison), render_verdict(comparison, is_equal=not has_also)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + render_remarks([each for _, *pair, _ in pairs for each in pair])
