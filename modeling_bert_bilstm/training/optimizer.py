"""Which weights learn, and how fast each of them: frozen layers, the head's learning rate, layer-wise decay."""

from torch import nn
from transformers import PreTrainedModel


def find_encoder_layers(encoder: nn.Module) -> list[nn.Module]:
    """Return the layers of an encoder from its input to its output, whatever its architecture calls them.

    Raises:
        ValueError: The encoder has no list of that many layers; ALBERT's layers, for one, share their weights.
    """
    num_layers = encoder.config.num_hidden_layers
    for module in encoder.modules():
        if isinstance(module, nn.ModuleList) and len(module) == num_layers:
            return list(module)
    raise ValueError(
        f"The {encoder.config.model_type!r} encoder does not keep its {num_layers} layers apart, so that none can be "
        "treated on its own. Leave `--layerwise_decay` at 1 and `--freeze_encoder_layers` at 0 or all."
    )


def freeze_encoder(model: PreTrainedModel, freeze_encoder_layers: str, freeze_embeddings: bool = False) -> None:
    """Keep the first layers of the encoder, all of it, or its embeddings from learning.

    Args:
        model: A model with an `encoder`.
        freeze_encoder_layers: `all`, or the number of layers from the input on, the embeddings before them included:
            what learns below a frozen layer would cost a backward pass through it.
        freeze_embeddings: Freeze the embeddings of word pieces and positions too.

    Raises:
        ValueError: The encoder has fewer layers.
    """
    if freeze_encoder_layers == "all":
        model.encoder.requires_grad_(False)
        return
    num_frozen = int(freeze_encoder_layers)
    if num_frozen:
        layers = find_encoder_layers(model.encoder)
        if num_frozen > len(layers):
            raise ValueError(
                f"`--freeze_encoder_layers` must be `all` or at most {len(layers)}, the layers of this encoder, "
                f"got {num_frozen}."
            )
        for layer in layers[:num_frozen]:
            layer.requires_grad_(False)
    if num_frozen or freeze_embeddings:
        _get_embeddings(model.encoder).requires_grad_(False)


def _get_embeddings(encoder: nn.Module) -> nn.Module:
    return getattr(encoder, "embeddings", encoder.get_input_embeddings())


def build_parameter_groups(
    model: nn.Module,
    decay_names: set[str],
    *,
    learning_rate: float,
    head_learning_rate: float | None = None,
    layerwise_decay: float = 1.0,
    weight_decay: float = 0.0,
) -> list[dict]:
    """Return the parameter groups of an optimizer, one for each learning rate with and without weight decay.

    The encoder's last layer learns at `learning_rate`, each layer below it slower by `layerwise_decay`, the embeddings
    slower once more than the first layer; all above the encoder learns at `head_learning_rate`.

    Args:
        model: A model whose encoder is its `base_model`, as that of every `PreTrainedModel` is; one without counts as
            an encoder as a whole. What does not require a gradient is left out.
        decay_names: Names of the parameters that weight decay pulls on.
        learning_rate: Peak learning rate of the encoder's last layer.
        head_learning_rate: Peak learning rate of LSTM, attention and classifier. Default: `learning_rate`.
        layerwise_decay: Factor in (0, 1] for each layer going down.
        weight_decay: Weight decay of the parameters that have one.
    """
    encoder = getattr(model, "base_model", model)
    depths = {}
    if layerwise_decay < 1:
        layers = find_encoder_layers(encoder)
        depths = {id(p): len(layers) for p in _get_embeddings(encoder).parameters()}
        for place, layer in enumerate(layers):
            depths.update((id(p), len(layers) - 1 - place) for p in layer.parameters())
    encoder_ids = {id(p) for p in encoder.parameters()}

    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        rate = learning_rate * layerwise_decay ** depths.get(id(parameter), 0)
        if id(parameter) not in encoder_ids:
            rate = learning_rate if head_learning_rate is None else head_learning_rate
        decay = weight_decay if name in decay_names else 0.0
        groups.setdefault((rate, decay), []).append(parameter)
    return [{"params": params, "lr": rate, "weight_decay": decay} for (rate, decay), params in groups.items()]
