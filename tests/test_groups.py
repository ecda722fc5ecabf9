"""Groups of like length: each review once, hardly any padding computed, and the scores are those of one by one."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from modeling_bert_bilstm import modeling_bert_bilstm as model_file
from modeling_bert_bilstm.modeling_bert_bilstm import plan_groups


LENGTHS = st.lists(st.integers(0, 90), min_size=1, max_size=40)


def pad(lengths, *, seed=0, longest=None, side="right"):
    generator = torch.Generator().manual_seed(seed)
    longest = longest or max(lengths)
    input_ids = torch.zeros(len(lengths), longest, dtype=torch.long)
    mask = torch.zeros_like(input_ids)
    for row, length in enumerate(lengths):
        pieces = torch.randint(5, 40, (length,), generator=generator)
        where = slice(0, length) if side == "right" else slice(longest - length, longest)
        input_ids[row, where], mask[row, where] = pieces, 1
    return input_ids, mask


@given(LENGTHS, st.integers(0, 60))
@settings(max_examples=100, deadline=None)
def test_each_review_stands_in_one_group_with_little_padding(lengths, group_cost):
    groups = plan_groups(lengths, 16, 4, group_cost)
    assert sorted(row for group in groups for row in group) == list(range(len(lengths)))
    for group in groups:
        longest = lengths[group[0]]
        assert sum(longest - lengths[row] for row in group) <= group_cost
        assert longest == max(lengths[row] for row in group)


@given(LENGTHS)
@settings(max_examples=50, deadline=None)
def test_a_group_has_one_number_of_windows(lengths):
    for group in plan_groups(lengths, 16, 4, 10**6):
        plans = [model_file.plan_windows(torch.tensor([lengths[row]]), max(1, lengths[row]), 16, 4) for row in group]
        assert len({len(plan.rows) for plan in plans}) == 1


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("group_cost", [0, 20, 10**6])
def test_groups_change_no_score(tiny_model, monkeypatch, side, group_cost):
    lengths = [3, 40, 16, 17, 9, 2, 33, 16, 60, 1]
    input_ids, mask = pad(lengths, longest=64, side=side)
    one_by_one = torch.cat([tiny_model(input_ids[row : row + 1][:, mask[row].bool()]).logits for row in range(10)])
    monkeypatch.setattr(model_file, "GROUP_COST_CPU", group_cost)
    torch.testing.assert_close(tiny_model(input_ids, attention_mask=mask).logits, one_by_one, atol=1e-6, rtol=1e-5)


def test_groups_change_no_gradient(tiny_model, monkeypatch):
    input_ids, mask = pad([3, 40, 16, 17, 9, 0, 33])
    labels = torch.tensor([0, 1, 1, 0, 1, 0, 1])
    gradients = []
    for group_cost in (0, 10**6):
        monkeypatch.setattr(model_file, "GROUP_COST_CPU", group_cost)
        tiny_model.zero_grad()
        tiny_model(input_ids, attention_mask=mask, labels=labels).loss.backward()
        gradients.append({name: p.grad.clone() for name, p in tiny_model.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][name], atol=1e-6, rtol=1e-4)


def count_word_pieces(model, input_ids, mask, **options):
    """Word pieces that the encoder computes, padding included."""
    counted = []
    handle = model.encoder.register_forward_hook(
        lambda module, args, output: counted.append(output.last_hidden_state.shape[:2].numel())
    )
    model(input_ids, attention_mask=mask, **options)
    handle.remove()
    return sum(counted)


def test_padding_of_the_stock_pipeline_is_not_computed(tiny_model, monkeypatch):
    monkeypatch.setattr(model_file, "GROUP_COST_CPU", 8)
    lengths = [64, *[5, 6, 7, 8] * 8]
    input_ids, mask = pad(lengths)
    assert count_word_pieces(tiny_model, input_ids, mask) <= 1.5 * sum(lengths)
    assert count_word_pieces(tiny_model, input_ids, mask, output_hidden_states=True) > 2 * sum(lengths)


def test_states_that_are_asked_for_come_back_in_the_shape_of_the_batch(tiny_model):
    input_ids, mask = pad([5, 40])
    output = tiny_model(input_ids, attention_mask=mask, output_hidden_states=True)
    assert [states.shape for states in output.hidden_states] == [(2, 40, 12), (2, 40, 14)]
    torch.testing.assert_close(output.logits, tiny_model(input_ids, attention_mask=mask).logits)
