"""BERT+BiLSTM of Nkhata, Gauch et al. as the text describes it (arXiv 2502.20682): an encoder that learns in part.

The text leaves open which "initial" layers are frozen: here the first half, embeddings included. It gives the LSTM no
width: here that of the released code, which is the encoder's. It feeds the LSTM [CLS] alone, over which there is
nothing to read: here all word pieces, as in the code. Keras's decay of 1e-5 a step lowers the learning rate by 2 % in
2,000 steps: here it stays.
"""

from modeling_bert_bilstm import BertBiLSTMForSequenceClassification
from modeling_bert_bilstm.training.optimizer import freeze_encoder

from .fine_tuned_system import FineTunedSystem
from .fine_tuning import FineTuningSettings


_BINARY = FineTuningSettings(
    num_epochs=10, batch_size=32, learning_rate=3e-5, scheduler="constant", keep_best_epoch=False
)
_FINE = FineTuningSettings(
    num_epochs=15, batch_size=64, learning_rate=1e-4, scheduler="constant", keep_best_epoch=False
)


class NkhataText(FineTunedSystem):
    """An encoder whose first half is frozen, a BiLSTM as wide as it, its last state of both directions."""

    def get_default_settings(self) -> FineTuningSettings:
        """Return the settings of the text, which has others for two classes than for more."""
        return _BINARY if self.num_labels == 2 else _FINE

    def get_default_length(self) -> int:
        """Return how many word pieces the text reads."""
        return 128 if self.num_labels == 2 else 256

    def build_model(self) -> BertBiLSTMForSequenceClassification:
        """Return the encoder, half of it frozen, under a fresh head."""
        model = self.build_bert_bilstm(
            {}, lstm_hidden_size=self.encoder_config.hidden_size, pooling="last", classifier_dropout=0.0
        )
        freeze_encoder(model, str(self.encoder_config.num_hidden_layers // 2))
        return model
