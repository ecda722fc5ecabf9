"""BERT+BiLSTM of Nkhata, Gauch et al. as they released it in 2022: an encoder that does not learn at all.

Four epochs over a set repeated twice are eight epochs. Their LSTM also reads the padding, which no mask keeps from it;
here it does not, so that 256 word pieces and the 128 that they take for sentences are the same where no sentence is
longer. Their loss is binary cross-entropy over one-hot labels; here it is cross-entropy. Keras's decay of 1e-5 a step
lowers the learning rate by 6 % in 6,000 steps; here it stays. Dropout inside the encoder is off.
"""

from .fine_tuning import FineTuningSettings
from .frozen_states import FrozenStatesSystem, StatesClassifier


_SETTINGS = {"num_epochs": 8, "learning_rate": 1e-4, "scheduler": "constant", "keep_best_epoch": False}


class NkhataReleasedCode(FrozenStatesSystem):
    """A frozen encoder, dropout 0.5, a BiLSTM as wide as the encoder, its last state of both directions."""

    def get_default_settings(self) -> FineTuningSettings:
        """Return the settings of their scripts, which take smaller batches for two classes than for more."""
        return FineTuningSettings(**_SETTINGS, batch_size=32 if self.num_labels == 2 else 64)

    def build_model(self) -> StatesClassifier:
        """Return their head on the frozen encoder."""
        return self.build_frozen(
            encoder_dropout=0.5,
            lstm_hidden_size=self.encoder_config.hidden_size,
            pooling="last",
            classifier_dropout=0.0,
        )
