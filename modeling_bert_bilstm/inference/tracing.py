"""What the exporters that record a run of the model share: a model of tensors in and out, an example, silence.

While it is recorded, the model takes the way that serves every number of reviews and every length: it plans windows
inside the graph, and reads all reviews at once.
"""

import contextlib
import hashlib
import warnings
from collections.abc import Iterator

import torch
from torch import nn
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.utils import logging as transformers_logging


class LogitsOnly(nn.Module):
    """A model whose inputs and only output are tensors."""

    def __init__(self, model: PreTrainedModel):
        super().__init__()
        self.model = model
        self.eval()  # an exporter goes by the outermost module, and would leave dropout on

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Return the logits: (B, T), (B, T) -> (B, C)."""
        return self.model(input_ids=input_ids, attention_mask=attention_mask).logits


def build_example(config: PreTrainedConfig) -> tuple[torch.Tensor, torch.Tensor]:
    """Return `input_ids` and `attention_mask` of three reviews, one of them in several windows: int64 (3, T) each."""
    window_length = config.window_length
    lengths = torch.tensor([window_length + window_length // 2, window_length // 2 + 1, 2])
    attention_mask = (torch.arange(int(lengths.max()))[None] < lengths[:, None]).long()  # (3, T)
    return torch.ones_like(attention_mask), attention_mask


@contextlib.contextmanager
def trace_quietly() -> Iterator[None]:
    """Record without gradients, and without the warnings about what is constant in a recording.

    Here that is how many dimensions a tensor has, and checks of the caller's mistakes. That the recording serves
    other shapes is for each user of it to check.
    """
    verbosity = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            yield
    finally:
        transformers_logging.set_verbosity(verbosity)


def compute_fingerprint(model: PreTrainedModel) -> str:
    """Return the sha256 of the weights and of how they are used; a file of another fingerprint is another model's."""
    config = model.config
    digest = hashlib.sha256(repr((config.window_length, config.window_overlap, list(config.pooling))).encode())
    for name, weights in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(weights.detach().cpu().contiguous().numpy())
    return digest.hexdigest()
