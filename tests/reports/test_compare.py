"""The page on the systems compared: from results alone, aligned, and no difference without its interval."""

import json
import re
import shutil

import numpy as np
import pytest

from baselines.results import TestReviews, write_result, write_test_reviews
from modeling_bert_bilstm.evaluation.significance import holm, mcnemar, paired_bootstrap
from modeling_bert_bilstm.polarity import PolarityTally
from reports import ablations, claims, compare, measured
from reports.cells import render_p


NUM_REVIEWS = 400
ENVIRONMENT = {"hardware": {"processor": "a processor", "num_cores": 3, "accelerators": []}, "versions": {}}
DIFFERENCE = r"[+-]\d+\.\d+ \[[+-]\d+\.\d+, [+-]\d+\.\d+\]"


def write_fake(folder, corpus, system, accuracy, *, encoder="all-MiniLM-L6-v2", seeds=(1, 2, 3), name=None, **options):
    """Write results of a system that is right about this share of the reviews, the same ones for every seed but 5%."""
    num_labels = 5 if corpus == "sst5" else 2
    labels = np.random.default_rng(0).integers(0, num_labels, NUM_REVIEWS)
    easiness = np.random.default_rng(1).random(NUM_REVIEWS)
    for seed in seeds:
        generator = np.random.default_rng(seed)
        is_right = (easiness < accuracy) ^ (generator.random(NUM_REVIEWS) < 0.05)
        predictions = np.where(is_right, labels, (labels + 1) % num_labels)
        probabilities = np.full((NUM_REVIEWS, num_labels), 0.2 / (num_labels - 1))
        probabilities[np.arange(NUM_REVIEWS), predictions] = 0.8
        experiment = name or f"{corpus}-{system}{'-minilm' if encoder else ''}"
        record = {
            "experiment": experiment,
            "system": system,
            "corpus": corpus,
            "encoder": encoder,
            "options": options,
            "seed": seed,
            "metrics": {
                "accuracy": float(is_right.mean()), "f1_macro": 0.5, "mcc": 0.4, "expected_calibration_error": 0.1,
            },
            "num_parameters": 1234,
            "train_seconds": 60.0 + seed,
            "reviews_per_second": 100.0,
            "peak_memory_mib": 900.0,
            "num_reviews": {"train": 10, "validation": 5, "test": NUM_REVIEWS},
            "train_label_counts": {str(i): 2 for i in range(num_labels)},
            "fingerprints": {"train": "a", "validation": "b", "test": corpus},
            "environment": ENVIRONMENT,
        }  # fmt: skip
        write_result(folder / corpus / f"{experiment}-{seed}.json", record, labels, probabilities)
    return labels


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    for corpus in ("sst5", "imdb"):
        labels = write_fake(folder, corpus, "stock", 0.6)
        films = np.arange(NUM_REVIEWS) // 20 if corpus == "imdb" else None
        lengths = np.arange(NUM_REVIEWS) * (2 if corpus == "imdb" else 0) + 5
        write_test_reviews(folder / corpus, TestReviews(lengths, labels, films, "all-MiniLM-L6-v2"))
        write_fake(folder, corpus, "ours", 0.6, seeds=(1, 2))
        write_fake(folder, corpus, "ours_no_lstm", 0.75)
    write_fake(folder, "sst5", "tfidf", 0.3, encoder=None, seeds=(1,))
    write_fake(folder, "sst5", "frozen_smote", 0.8)
    write_fake(folder, "sst5", "frozen_bilstm", 0.5)
    write_fake(folder, "sst5", "ours_augmented", 0.6, name="sst5-ours_augmented_swap-minilm", augment="swap")
    write_fake(folder, "sst5", "stock", 0.9, encoder="gte-small", name="sst5-stock-gte")
    write_fake(folder, "sst5", "ours", 0.9, encoder="gte-small", name="sst5-ours-gte")
    return folder


@pytest.fixture(scope="module")
def page(results):
    return compare.render_page(results)


@pytest.fixture(scope="module")
def rows(results):
    return measured.load_rows(results)


def find_lines(text, start):
    return [line for line in text.splitlines() if line.startswith(f"| {start} |")]


def get_cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_page_is_rendered_from_the_results():
    assert compare.PAGE.read_text(encoding="utf-8") == compare.render_page()


def test_rendering_twice_gives_the_same(results, page):
    assert compare.render_page(results) == page
    assert compare.render_short(results) == compare.render_short(results)
    assert claims.render_claims(results) == claims.render_claims(results)


def test_no_difference_stands_without_its_interval(results, page):
    measured_cells = [get_cells(line)[4] for line in claims.render_claims(results).splitlines() if line[:5] == "| arX"]
    for text in (page, compare.render_short(results), "\n".join(measured_cells)):
        assert re.search(DIFFERENCE, text)
        assert not re.findall(r"(?<![\w.])[+-]\d+\.\d+", re.sub(DIFFERENCE, "", text))


def test_a_row_holds_mean_and_spread_over_its_seeds(page, rows):
    stock = measured.find_row(rows["sst5"], "stock")
    accuracies = [100 * result.record["metrics"]["accuracy"] for result in stock.results]
    cells = get_cells(find_lines(page, "stock")[0])
    assert cells[3] == f"{np.mean(accuracies):.2f} ± {np.std(accuracies, ddof=1):.2f}"
    assert cells[:3] == ["stock", "all-MiniLM-L6-v2", "3"]
    assert cells[7:9] == ["", ""]  # is what the others are compared with
    assert cells[9:] == ["1,234", "62", "100", "900", "a"]
    assert "On a: a processor, 3 cores." in page


def test_missing_seeds_are_said(page):
    """The experiment asks for three, two are there."""
    assert get_cells(find_lines(page, "ours")[0])[2] == "2 of 3"


def test_a_row_is_compared_on_its_own_encoder(page, rows):
    small, large = (measured.find_row(rows["sst5"], "ours", name) for name in ("all-MiniLM-L6-v2", "gte-small"))
    for row in (small, large):
        reference = measured.find_reference(rows["sst5"], row)
        assert (reference.system, reference.encoder) == ("stock", row.encoder)
    tfidf = measured.find_row(rows["sst5"], "tfidf")
    assert measured.find_reference(rows["sst5"], tfidf).encoder == "all-MiniLM-L6-v2"
    assert measured.find_reference(rows["sst5"], measured.find_row(rows["sst5"], "stock", "gte-small")) is None


def test_a_comparison_is_interval_and_largest_p(rows):
    first, second = (measured.find_row(rows["sst5"], system) for system in ("frozen_smote", "ours"))
    found = measured.compare_rows(first, second)
    assert found.difference == paired_bootstrap(first.correct, second.correct)
    pairs = [(0, 0), (1, 1), (2, 0)]  # three seeds against two
    assert found.p == max(mcnemar(first.correct[i], second.correct[j]) for i, j in pairs)


def test_p_values_of_a_table_are_adjusted_together(page, rows):
    of_corpus = rows["sst5"]
    references = [measured.find_reference(of_corpus, row) for row in of_corpus]
    p_values = [measured.compare_rows(row, other).p for row, other in zip(of_corpus, references, strict=True) if other]
    adjusted = iter(holm(p_values))
    lines = [line for line in page.split("## IMDb")[0].splitlines() if " | a |" in line]
    for line, other in zip(lines, references, strict=True):
        expected = "" if other is None else render_p(next(adjusted))
        assert get_cells(line)[8] == expected


@pytest.mark.parametrize(
    ("part", "verdict"),
    [
        ("SMOTE: encoder frozen", "it helps"),
        ("NLPAUG: swap", "no difference shown"),
        ("BiLSTM: our model, not the stock head", "no difference shown"),
        ("BiLSTM: in our model", "it hurts"),
        ("encoder: gte-small, not all-MiniLM-L6-v2", "it helps"),
    ],
)
def test_the_verdict_on_a_part_follows_from_the_results(page, part, verdict):
    line = find_lines(page, part)[0]
    assert get_cells(line)[-1] == verdict


def test_a_verdict_needs_interval_and_p():
    difference = paired_bootstrap(np.ones((1, 9)), np.zeros((1, 9)))
    assert measured.Comparison(difference, 0.01, 0.01).sign == 1
    assert measured.Comparison(difference, 0.01, 0.2).sign == 0
    assert measured.Comparison(difference._replace(low=-0.1), 0.01, 0.01).sign == 0
    assert measured.Comparison(difference._replace(low=-0.2, high=-0.1), 0.01, 0.01).sign == -1


def test_what_was_not_measured_has_no_row(results, page, tmp_path):
    assert find_lines(page, "tfidf")
    assert not find_lines(page, "glove")
    assert "## MR" not in page
    shutil.copytree(results, tmp_path / "less")
    for path in (tmp_path / "less" / "sst5").glob("sst5-tfidf-*"):
        path.unlink()
    shutil.rmtree(tmp_path / "less" / "imdb")
    less = compare.render_page(tmp_path / "less")
    assert not find_lines(less, "tfidf")
    assert "## IMDb" not in less
    assert "The polarity rule" not in less


def test_without_the_reference_there_is_no_difference(tmp_path):
    write_fake(tmp_path, "sst5", "ours", 0.6)
    page = compare.render_page(tmp_path)
    assert get_cells(find_lines(page, "ours")[0])[7] == ""
    assert not re.search(DIFFERENCE, page)
    assert not re.search(DIFFERENCE, compare.render_short(tmp_path))


def test_without_results_a_sentence_says_so(tmp_path):
    assert compare.render_short(tmp_path) == compare.NOTHING_YET
    assert compare.render_page(tmp_path).endswith(f"{compare.NOTHING_YET}\n")
    lines = [get_cells(line) for line in claims.render_claims(tmp_path).splitlines() if line.startswith("| arX")]
    assert {(cells[4], cells[5]) for cells in lines} == {(claims.NOT_YET, claims.NOT_YET)}


def test_the_cost_is_shown_seed_by_seed_and_encoder_by_encoder(page):
    lines = [get_cells(line) for line in page.split("## What the BiLSTM costs")[1].splitlines() if "| a |" in line]
    assert [tuple(cells[:3]) for cells in lines[:4]] == [
        ("SST-5", "all-MiniLM-L6-v2", "stock"),
        ("SST-5", "all-MiniLM-L6-v2", "ours"),
        ("SST-5", "all-MiniLM-L6-v2", "ours_no_lstm"),
        ("SST-5", "gte-small", "stock"),
    ]
    assert lines[1][4] == "61, 62"


def test_lengths_count_every_review_once(page, rows):
    (line,) = [line for line in page.splitlines() if line.startswith("| IMDb | encoder |")]
    counts = [int(count.replace(",", "")) for count in re.findall(r"\((\d+)\)", line)]
    assert sum(counts) == NUM_REVIEWS
    assert counts[0] == 30  # 5, 7, ... 63
    lines = page.split("## Length")[1].splitlines()
    stock = get_cells(next(line for line in lines if line.startswith("| stock |")))[2:]
    weighted = sum(float(cell) * count for cell, count in zip(stock, counts, strict=True)) / NUM_REVIEWS
    assert weighted == pytest.approx(100 * measured.find_row(rows["imdb"], "stock").correct.mean(), abs=0.01)
    assert not [line for line in lines if line.startswith("| SST-5 | encoder")]  # short sentences


def test_polarity_of_films_is_exact_where_the_predictions_are(tmp_path):
    labels = write_fake(tmp_path, "imdb", "stock", 2.0, seeds=(1,))
    result = measured.load_rows(tmp_path)["imdb"][0].results[0]
    films = np.arange(NUM_REVIEWS) // 25
    films[:25] = np.arange(25) + 100  # films of one review are left out
    sure = np.flatnonzero(result.correct)
    found = ablations.measure_polarity(result, films)
    assert len(found["counted"]) == 15
    assert len(sure) < len(labels)
    wrong = [25 * i + np.flatnonzero(~result.correct[25 * i : 25 * i + 25]) for i in range(1, 16)]
    signs = [np.where(labels[rows] == 1, 1, -1).sum() for rows in wrong]
    assert found["counted"] == pytest.approx([abs(2 * sign) / 25 for sign in signs])
    rows = slice(25, 50)
    probabilities = result.probabilities[rows] / result.probabilities[rows].sum(axis=1, keepdims=True)
    said = PolarityTally.from_probabilities(probabilities).summarise(["negative", "positive"], [-1, 1])["polarity"]
    assert found["estimated"][0] == pytest.approx(abs(said - (2 * result.labels[rows].mean() - 1)), abs=1e-4)


def test_results_of_other_reviews_are_refused(results, tmp_path):
    shutil.copytree(results, tmp_path / "r")
    path = tmp_path / "r" / "sst5" / "sst5-ours-minilm-1.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    record["fingerprints"]["train"] = "another"
    path.write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(ValueError, match=r"must be of the same reviews, but `sst5-.*have other ones"):
        measured.load_rows(tmp_path / "r")


def test_labels_in_another_order_are_refused(results, tmp_path):
    shutil.copytree(results, tmp_path / "r")
    path = tmp_path / "r" / "sst5" / "sst5-ours-minilm-1.json"
    found = measured.Result(json.loads(path.read_text(encoding="utf-8")), path)
    write_result(path, found.record, found.labels[::-1], found.probabilities[::-1])
    with pytest.raises(ValueError, match="must be of the same reviews"):
        measured.load_rows(tmp_path / "r")


def test_predictions_that_contradict_the_accuracy_are_refused(results, tmp_path):
    shutil.copytree(results, tmp_path / "r")
    path = tmp_path / "r" / "sst5" / "sst5-ours-minilm-1.json"
    found = measured.Result(json.loads(path.read_text(encoding="utf-8")), path)
    write_result(path, found.record, found.labels, found.probabilities[::-1])
    with pytest.raises(ValueError, match="`sst5-ours-minilm-1.json` says an accuracy of"):
        measured.load_rows(tmp_path / "r")


def test_claims_are_measured_where_results_are(results):
    lines = claims.render_claims(results).splitlines()
    smote = next(line for line in lines if "SMOTE does not help, SST-5, encoder frozen" in line)
    assert "does not hold: better" in smote
    assert "(SST-5, all-MiniLM-L6-v2, 3 seeds)" in smote
    verdicts = next(line for line in lines if "overall polarity" in line)
    assert re.search(r"\d+\.\d\d \[\d+\.\d\d, \d+\.\d\d\] of films \(IMDb", verdicts)
