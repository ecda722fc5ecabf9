"""Attention of a training on a CPU: float32 where bfloat16 is slow, and untouched elsewhere."""

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention
from torch.overrides import TorchFunctionMode

from modeling_bert_bilstm.training.attention_precision import Float32Attention, choose_attention_precision


needs_no_gpu = pytest.mark.skipif(torch.accelerator.is_available(), reason="of a machine without a GPU")


class AttentionSpy(TorchFunctionMode):
    """Notes the types that attention is computed in, with and without gradients."""

    def __init__(self):
        super().__init__()
        self.seen = set()

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function is scaled_dot_product_attention:
            self.seen.add((torch.is_grad_enabled(), *(tensor.dtype for tensor in args[:3])))
        return function(*args, **(kwargs or {}))


def draw_states(dtype):
    generator = torch.Generator().manual_seed(0)
    states = torch.randn(3, 2, 4, 70, 16, generator=generator).to(dtype)  # (query, key, value) of (B, heads, T, width)
    return states.unbind()


def attend(dtype, **kwargs):
    """Return attention and the gradients of query, key and value."""
    states = [tensor.requires_grad_() for tensor in draw_states(dtype)]
    torch.manual_seed(0)  # of dropout
    attended = scaled_dot_product_attention(*states, **kwargs)
    return [attended, *torch.autograd.grad(attended.float().pow(2).sum(), states)]


def build_mask(dtype):
    is_real = torch.ones(2, 1, 1, 70, dtype=torch.bool)
    is_real[0, ..., 50:] = False
    return is_real if dtype == torch.bool else torch.zeros(is_real.shape, dtype=dtype).masked_fill(~is_real, -1e4)


@pytest.mark.parametrize("mask_type", [None, torch.bool, torch.bfloat16])
def test_bfloat16_is_computed_in_float32_and_rounded_once(mask_type):
    kwargs = {"scale": 0.3} if mask_type is None else {"attn_mask": build_mask(mask_type)}
    with Float32Attention():
        found = attend(torch.bfloat16, **kwargs)
    wide = {name: value.float() if mask_type == torch.bfloat16 else value for name, value in kwargs.items()}
    states = [tensor.float().requires_grad_() for tensor in draw_states(torch.bfloat16)]
    attended = scaled_dot_product_attention(*states, **wide)
    rounded = attended.bfloat16()
    expected = [rounded, *torch.autograd.grad(rounded.float().pow(2).sum(), states)]
    for ours, reference in zip(found, expected, strict=True):
        assert ours.dtype == torch.bfloat16
        assert torch.equal(ours, reference.bfloat16())
    alone = attend(torch.bfloat16, **kwargs)
    assert any(not torch.equal(ours, other) for ours, other in zip(found, alone, strict=True)), "it makes a difference"


def test_autocast_does_not_undo_it():
    with AttentionSpy() as spy, Float32Attention(), torch.autocast("cpu", torch.bfloat16):
        assert attend(torch.bfloat16)[0].dtype == torch.bfloat16
    assert spy.seen == {(True, *[torch.float32] * 3)}


@pytest.mark.parametrize(
    ("dtype", "kwargs"), [(torch.float32, {}), (torch.float64, {}), (torch.bfloat16, {"dropout_p": 0.5})]
)
def test_all_else_stays_as_it_is(dtype, kwargs):
    expected = attend(dtype, **kwargs)
    with AttentionSpy() as spy, Float32Attention():
        found = attend(dtype, **kwargs)
    assert spy.seen == {(True, dtype, dtype, dtype)}
    assert all(map(torch.equal, found, expected))


@needs_no_gpu
@pytest.mark.parametrize("is_recomputed", [False, True])
def test_a_training_step_has_it_and_an_evaluation_has_not(build_trainer, build_split, is_recomputed):
    splits = {"train": build_split(8), "validation": build_split(4, seed=1)}
    trainer = build_trainer(splits, bf16=True, gradient_checkpointing=is_recomputed)
    with AttentionSpy() as spy:
        trainer.train()
    in_training = torch.bfloat16 if is_recomputed else torch.float32
    assert spy.seen == {(True, *[in_training] * 3), (False, *[torch.bfloat16] * 3)}


@pytest.mark.parametrize(
    ("device", "options", "is_wanted"),
    [
        ("cpu", {}, True),
        ("cpu", {"is_compiled": True}, False),
        ("cpu", {"is_recomputed": True}, False),
        ("cuda", {}, False),
    ],
)
def test_it_costs_nothing_where_it_brings_nothing(device, options, is_wanted):
    context = choose_attention_precision(torch.device(device), **options)
    assert isinstance(context, Float32Attention) == is_wanted
