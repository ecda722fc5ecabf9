"""The page on the systems compared: from results alone, aligned, and no difference without its interval."""

import re
import shutil

import numpy as np
import pytest

from modeling_bert_bilstm.evaluation.significance import holm
from modeling_bert_bilstm.polarity import PolarityTally, SharePosterior
from reports import ablations, claims, compare, measured, short
from reports.cells import render_p
from reports.compared import compare_rows
from tests.reports.conftest import NUM_REVIEWS, find_lines, get_cells, write_fake


DIFFERENCE = r"[+-]\d+\.\d+ \[[+-]\d+\.\d+, [+-]\d+\.\d+\]"


def test_the_page_is_rendered_from_the_results():
    assert compare.PAGE.read_text(encoding="utf-8") == compare.render_page()


def test_rendering_twice_gives_the_same(results, page):
    assert compare.render_page(results) == page
    assert short.render_short(results) == short.render_short(results)
    assert claims.render_claims(results) == claims.render_claims(results)


def test_no_difference_stands_without_its_interval(results, page):
    measured_cells = [get_cells(line)[4] for line in claims.render_claims(results).splitlines() if line[:5] == "| arX"]
    for text in (page, short.render_short(results), "\n".join(measured_cells)):
        assert re.search(DIFFERENCE, text)
        assert not re.findall(r"(?<![\w.])[+-]\d+\.\d+", re.sub(DIFFERENCE, "", text))


def test_a_row_holds_mean_and_spread_over_its_seeds(page, rows):
    stock = measured.find_row(rows["sst5"], "stock")
    accuracies = [100 * result.record["metrics"]["accuracy"] for result in stock.results]
    cells = get_cells(find_lines(page, "stock")[0])
    assert cells[3] == "epoch"
    assert cells[4] == f"{np.mean(accuracies):.2f} ± {np.std(accuracies, ddof=1):.2f}"
    assert cells[:3] == ["stock", "all-MiniLM-L6-v2", "3"]
    assert cells[8:10] == ["", ""]  # is what the others are compared with
    assert cells[10:] == ["1,234", "62", "100", "900", "a"]
    assert "On a: a processor, 3 cores." in page


def test_missing_seeds_are_said(page):
    """The experiment asks for three, two are there."""
    assert get_cells(find_lines(page, "ours")[0])[2] == "2 of 3"


def test_what_validation_chooses_is_told(rows, page):
    """One epoch leaves nothing to choose."""
    told = {row.name: compare.describe_choice(row) for of_corpus in rows.values() for row in of_corpus}
    assert told["tfidf"] == "strength"
    assert told["ours"] == "epoch"
    assert told["ours (encoder_attention_dropout 0, num_epochs 1)"] == ""
    assert get_cells(find_lines(page, "tfidf")[0])[3] == "strength"


def test_p_values_of_a_table_are_adjusted_together(page, rows):
    of_corpus = rows["sst5"]
    references = [measured.find_reference(of_corpus, row) for row in of_corpus]
    p_values = [
        compare_rows(row, other).p_values if other else () for row, other in zip(of_corpus, references, strict=True)
    ]
    adjusted = iter(holm([p for of_row in p_values for p in of_row]))
    lines = [line for line in page.split("## IMDb")[0].splitlines() if " | a |" in line]
    for line, of_row in zip(lines, p_values, strict=True):
        assert get_cells(line)[9] == ", ".join(render_p(next(adjusted)) for _ in of_row)


def test_the_short_table_holds_what_reading_on_and_the_bilstm_bring(results, rows):
    lines = [get_cells(line) for line in short.render_short(results).splitlines() if " less " in line]
    assert [cells[0] for cells in lines] == ["ours less stock", "ours less ours_no_lstm"]
    for name, *cells in lines:
        for of_corpus, cell in zip(rows.values(), cells, strict=True):
            with_part, without = (measured.find_row(of_corpus, system) for system in name.split(" less "))
            expected = 100 * (with_part.correct.mean() - without.correct.mean())
            assert float(cell.split()[0]) == pytest.approx(expected, abs=0.01)


def test_the_short_table_says_where_options_differ(results):
    note = short.render_short(results).splitlines()[-1]
    assert note.endswith(" On IMDb stock, ours_no_lstm, ours have encoder_attention_dropout 0, num_epochs 1.")


def test_the_short_table_names_corpora_of_the_same_options_together(results, tmp_path):
    shutil.copytree(results, tmp_path / "more")
    for system in ("stock", "ours"):
        write_fake(tmp_path / "more", "imdb3", system, 0.6)
    note = short.render_short(tmp_path / "more").splitlines()[-1]
    told = "encoder_attention_dropout 0, num_epochs 1."
    assert note.endswith(f" On IMDb, IMDb-3 stock, ours have {told} On IMDb ours_no_lstm has {told}")


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
    assert get_cells(find_lines(page, "ours")[0])[8:10] == ["", ""]
    assert not re.search(DIFFERENCE, page)
    assert not re.search(DIFFERENCE, short.render_short(tmp_path))


def test_without_results_a_sentence_says_so(tmp_path):
    assert short.render_short(tmp_path) == compare.NOTHING_YET
    assert compare.render_page(tmp_path).endswith(f"{compare.NOTHING_YET}\n")
    lines = [get_cells(line) for line in claims.render_claims(tmp_path).splitlines() if line.startswith("| arX")]
    assert {(cells[4], cells[5]) for cells in lines if cells[6]} == {(claims.NOT_YET, claims.NOT_YET)}
    assert {cells[4] for cells in lines if not cells[6]} == {"not measured"}


def test_the_cost_is_shown_seed_by_seed_and_encoder_by_encoder(page):
    lines = [get_cells(line) for line in page.split("## What the BiLSTM costs")[1].splitlines() if "| a |" in line]
    assert [tuple(cells[:3]) for cells in lines[:4]] == [
        ("SST-5", "all-MiniLM-L6-v2", "stock"),
        ("SST-5", "all-MiniLM-L6-v2", "ours"),
        ("SST-5", "all-MiniLM-L6-v2", "ours_no_lstm"),
        ("SST-5", "gte-small", "stock (learning_rate 5e-05)"),
    ]
    assert lines[1][4] == "61; 62"


def test_lengths_count_every_review_once(page, rows):
    (line,) = [line for line in page.splitlines() if line.startswith("| IMDb | encoder |")]
    counts = [int(count.replace(",", "")) for count in re.findall(r"\((\d+)\)", line)]
    *counts, num_read_whole = counts
    assert sum(counts) == NUM_REVIEWS
    assert counts[0] == 30  # 5, 7, ... 63
    assert num_read_whole == sum(counts[:4])  # what the stock head reads to the end
    lines = page.split("## Length")[1].splitlines()
    stock = get_cells(next(line for line in lines if line.startswith("| stock (")))[3:-1]
    weighted = sum(float(cell) * count for cell, count in zip(stock, counts, strict=True)) / NUM_REVIEWS
    assert weighted == pytest.approx(100 * measured.find_row(rows["imdb"], "stock").correct.mean(), abs=0.01)
    assert not [line for line in lines if line.startswith("| SST-5 | encoder")]  # short sentences


def test_differences_by_length_add_up_to_those_of_the_corpus(page, rows):
    (line,) = [line for line in page.splitlines() if line.startswith("| IMDb | encoder |")]
    counts = np.array([int(count.replace(",", "")) for count in re.findall(r"\((\d+)\)", line)])[:-1]
    lines = [get_cells(line) for line in page.split("## Length")[1].splitlines() if " less " in line]
    assert [cells[0] for cells in lines] == ["ours less stock", "ours_no_lstm less stock", "ours less ours_no_lstm"]
    assert [cells[2] for cells in lines] == ["2 of 3 and 3", "3", "2 of 3 and 3"]
    for name, _, _, *cells, _ in lines:
        with_part, without = (measured.find_row(rows["imdb"], system) for system in name.split(" less "))
        differences = np.array([float(cell.split()[0]) for cell in cells])
        expected = 100 * (with_part.correct.mean() - without.correct.mean())
        assert differences @ counts / NUM_REVIEWS == pytest.approx(expected, abs=0.01)


def test_polarity_of_films_is_exact_where_the_predictions_are(tmp_path):
    labels = write_fake(tmp_path, "imdb", "stock", 2.0, seeds=(1,))
    result = measured.load_rows(tmp_path)["imdb"][0].results[0]
    films = np.arange(NUM_REVIEWS) // 25
    films[:25] = np.arange(25) + 100  # films of one review are left out
    sure = np.flatnonzero(result.correct)
    found = ablations.measure_polarity(result, films)
    assert len(found["counted"]) == 15
    most_frequent = [
        [numbers[25 * i : 25 * i + 25].mean() > 0.5 for i in range(1, 16)] for numbers in (labels, result.predictions)
    ]
    assert found["same_label"].tolist() == np.equal(*most_frequent).tolist()
    assert len(sure) < len(labels)
    wrong = [25 * i + np.flatnonzero(~result.correct[25 * i : 25 * i + 25]) for i in range(1, 16)]
    signs = [np.where(labels[rows] == 1, 1, -1).sum() for rows in wrong]
    assert found["counted"] == pytest.approx([abs(2 * sign) / 25 for sign in signs])
    rows = slice(25, 50)
    probabilities = result.probabilities[rows] / result.probabilities[rows].sum(axis=1, keepdims=True)
    said = PolarityTally.from_probabilities(probabilities).summarise(["negative", "positive"], [-1, 1])["polarity"]
    assert found["estimated"][0] == pytest.approx(abs(said - (2 * result.labels[rows].mean() - 1)), abs=1e-4)


def test_the_estimate_starts_from_the_prior_of_the_training_reviews(tmp_path):
    """It is what the estimate goes away from."""
    found = []
    for counts in ([1, 1], [1, 99]):
        write_fake(tmp_path, "imdb", "stock", 0.8, seeds=(1,), train_label_counts=dict(zip("np", counts, strict=True)))
        result = measured.load_rows(tmp_path)["imdb"][0].results[0]
        found.append(ablations.measure_polarity(result, np.arange(NUM_REVIEWS) // 100))
    prior = np.array([0.01, 0.99])
    posterior = SharePosterior(result.probabilities[:100] / result.probabilities[:100].sum(1, keepdims=True), prior)
    expected = abs(posterior.shares @ [-1, 1] - (2 * result.labels[:100].mean() - 1))
    assert found[1]["estimated"][0] == pytest.approx(expected, abs=1e-6)
    assert found[0]["estimated"][0] != pytest.approx(expected, abs=1e-2)
    assert found[0]["counted"] == pytest.approx(found[1]["counted"])


def test_claims_are_measured_where_results_are(results):
    lines = claims.render_claims(results).splitlines()
    smote = next(line for line in lines if "SMOTE does not help, SST-5, encoder frozen" in line)
    assert "does not hold: better" in smote
    assert re.search(r"\(SST-5, all-MiniLM-L6-v2, 3 seeds; p [<\d., ]+\)", smote)
    verdicts = next(line for line in lines if "film by film" in line)
    assert re.search(r"\d+\.\d\d \[\d+\.\d\d, \d+\.\d\d\] of films \(IMDb", verdicts)
