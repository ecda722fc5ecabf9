"""Words of a review, and the word of each word piece."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from modeling_bert_bilstm.attribution.reading import encode_review
from modeling_bert_bilstm.attribution.words import assign_pieces, find_words


def list_words(text):
    return [text[begin:end] for begin, end in find_words(text)]


def test_words_stand_between_spaces_and_punctuation():
    text = "It's a well-made film...<br /><br />9/10 – “don’t” miss 'em!"
    expected = ["It's", "a", "well", "-", "made", "film", "...", "<br />", "<br />"]
    # Two line breaks in a row are one run of markup.
    expected[-2:] = ["<br /><br />"]
    expected += ["9", "/", "10", "–", "“", "don’t", "”", "miss", "'", "em", "!"]
    assert list_words(text) == expected


def test_other_scripts_and_signs_are_words_too():
    assert list_words("Déjà vu\tनमस्ते\n\x00ok 👍🏽 5€") == ["Déjà", "vu", "नमस्ते", "ok", "👍🏽", "5", "€"]


@given(st.text(max_size=40))
@example("a'b''c' 'd")
@example("<br /><br>x<br/")
def test_every_character_but_spaces_and_controls_is_in_one_word(text):
    spans = find_words(text)
    assert (spans[:, 0] < spans[:, 1]).all()
    assert (spans[1:, 0] >= spans[:-1, 1]).all()
    inside = "".join(list_words(text))
    outside = [c for c in text if not c.isspace() and c.isprintable()]
    assert [c for c in inside if not c.isspace() and c.isprintable()] == outside


def test_a_piece_belongs_to_the_word_that_has_most_of_it():
    spans = np.array([[0, 4], [4, 7], [8, 9]])
    offsets = [(0, 0), (0, 2), (2, 4), (3, 7), (3, 5), (7, 8), (7, 9), (4, 4), (0, 0)]
    assert assign_pieces(offsets, spans).tolist() == [-1, 0, 0, 1, 0, -1, 2, -1, -1]
    assert assign_pieces([(0, 0), (0, 3)], np.empty((0, 2), dtype=int)).tolist() == [-1, -1]


def test_pieces_of_a_byte_level_tokenizer(byte_tokenizer):
    text = "  superb  👍 isn't\n it?"
    review = encode_review(byte_tokenizer, text)
    assert review.words == ("superb", "👍", "isn't", "it", "?")
    pieces = [byte_tokenizer.decode([i]) for i in review.input_ids]
    for number, word in enumerate(review.words):
        mine = [i for i in np.flatnonzero(review.numbers == number)]
        assert byte_tokenizer.decode(review.input_ids[mine]).strip() == word
        assert (review.baseline_ids[mine] == byte_tokenizer.pad_token_id).all()
    rest = review.numbers < 0
    assert (review.baseline_ids[rest] == review.input_ids[rest]).all()
    assert "".join(piece for piece, is_rest in zip(pieces[1:-1], rest[1:-1], strict=True) if is_rest).strip() == ""
    assert review.sum_words(np.ones(len(pieces))).sum() == (~rest).sum()
