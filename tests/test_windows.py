"""Reading any length: windows cover each word piece once, and are stitched as a plain loop would."""

import pytest
import torch

from modeling_bert_bilstm.modeling_bert_bilstm import plan_windows


def read_in_windows(encoder, ids, window_length, overlap):
    """Reference: the states of one review without padding, window after window, in plain Python."""
    body, fresh = len(ids) - 2, window_length - 2 - overlap
    if len(ids) <= window_length:
        return encoder(ids[None]).last_hidden_state[0]
    count = -(-(body - overlap) // fresh)
    stride = -(-(body - overlap) // count)
    states = [None] * len(ids)
    for k in range(count):
        places = list(range(1 + k * stride, min(1 + k * stride + stride + overlap, len(ids) - 1)))
        window = encoder(ids[[0, *places, len(ids) - 1]][None]).last_hidden_state[0]
        own_from = places[0] + (overlap // 2 if k else 0)
        for slot, place in enumerate(places, start=1):
            if place >= own_from:
                states[place] = window[slot]
        states[0] = window[0] if k == 0 else states[0]
        states[-1] = window[-1]
    return torch.stack(states)


@pytest.mark.parametrize(("window_length", "overlap"), [(16, 4), (16, 5), (16, 0), (9, 6), (7, 0), (33, 30)])
def test_every_word_piece_gets_exactly_one_state_of_its_own(window_length, overlap):
    lengths = torch.arange(0, 150)
    windows = plan_windows(lengths, 153, window_length, overlap)
    flat_rows = windows.rows[:, None].expand_as(windows.positions).flatten()
    for row, length in enumerate(lengths.tolist()):
        sources = windows.sources[row, :length]
        assert sources.unique().numel() == length
        assert torch.equal(windows.positions.flatten()[sources], torch.arange(length))
        assert (flat_rows[sources] == row).all()
        assert windows.mask.flatten()[sources].all()
    assert windows.positions.shape[1] <= window_length
    assert windows.mask.sum(dim=1).min() > 0


@pytest.mark.parametrize(("window_length", "overlap"), [(16, 4), (9, 6), (7, 0)])
def test_every_window_is_framed_and_continuous(window_length, overlap):
    lengths = torch.tensor([3, 17, 40, 97])
    windows = plan_windows(lengths, 97, window_length, overlap)
    for row, positions, mask in zip(windows.rows, windows.positions, windows.mask, strict=True):
        places = positions[mask.bool()].tolist()
        assert places[0] == 0
        assert places[-1] == lengths[row] - 1
        assert places[1:-1] == list(range(places[1], places[1] + len(places) - 2))


def test_windows_of_a_review_are_equally_long():
    windows = plan_windows(torch.tensor([520]), 520, 512, 64)
    assert windows.mask.sum(dim=1).tolist() == [293, 293]


def test_the_number_of_windows_grows_linearly():
    num_windows = [len(plan_windows(torch.tensor([n]), n, 512, 64).rows) for n in (512, 4096, 8192, 16384)]
    assert num_windows == [1, 10, 19, 37]


@pytest.mark.parametrize("length", [16, 17, 18, 30, 31, 100])
def test_stitched_states_equal_a_plain_loop_over_windows(tiny_model, length):
    ids = torch.randint(5, 40, (length,), generator=torch.Generator().manual_seed(length))
    with torch.no_grad():
        states = tiny_model(ids[None], output_hidden_states=True).hidden_states[0][0]
        expected = read_in_windows(tiny_model.encoder, ids, 16, 4)
    torch.testing.assert_close(states, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("length", [1, 2, 3, 15, 16])
def test_a_review_that_fits_one_window_gives_exactly_the_plain_encoders_states(tiny_model, length):
    ids = torch.randint(5, 40, (3, length), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        states = tiny_model(ids, output_hidden_states=True).hidden_states[0]
        assert torch.equal(states, tiny_model.encoder(ids).last_hidden_state)


def test_embeddings_in_place_of_word_pieces_are_read_in_the_same_windows(tiny_model):
    ids = torch.randint(5, 40, (2, 45), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        embeddings = tiny_model.get_input_embeddings()(ids)
        torch.testing.assert_close(tiny_model(inputs_embeds=embeddings).logits, tiny_model(ids).logits)


def test_a_long_review_reaches_the_loss_from_every_window(tiny_model):
    ids = torch.randint(5, 40, (1, 60), generator=torch.Generator().manual_seed(0))
    embeddings = tiny_model.get_input_embeddings()(ids).detach().requires_grad_()
    tiny_model(inputs_embeds=embeddings, labels=torch.tensor([1])).loss.backward()
    assert (embeddings.grad.abs().sum(dim=-1) > 0).all()
