"""BERT+BiLSTM of Gao 2025 (ACE 151, DOI 10.54254/2755-2721/151/2025.22857).

The text says twelve layers; the printed number of weights, 67,875,331, is that of the first six, BERT's pooler and the
BiLSTM on bert-base. The pooler, which the BiLSTM never reads, is left out here.
"""

from modeling_bert_bilstm import BertBiLSTMForSequenceClassification

from .fine_tuned_system import FineTunedSystem
from .fine_tuning import FineTuningSettings


NUM_ENCODER_LAYERS = 6
# Fields of `BertBiLSTMConfig`.
GAO_HEAD = {"lstm_hidden_size": 128, "pooling": "last", "classifier_dropout": 0.2}


class GaoBertBiLSTM(FineTunedSystem):
    """The first six layers of an encoder, a BiLSTM, its last state of both directions; all of it trained."""

    SETTINGS = FineTuningSettings(
        num_epochs=10, batch_size=64, learning_rate=3e-5, label_smoothing=0.1, keep_best_epoch=False
    )
    MAX_REVIEW_LENGTH = 200

    def build_model(self) -> BertBiLSTMForSequenceClassification:
        """Return as many layers of the encoder as there are, at most six, under a fresh head."""
        num_layers = min(NUM_ENCODER_LAYERS, self.encoder_config.num_hidden_layers)
        return self.build_bert_bilstm({"num_encoder_layers": num_layers}, **GAO_HEAD)
