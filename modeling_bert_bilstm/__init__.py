"""BERT+BiLSTM for the sentiment of film reviews of any length: the menu of public names, and their registration."""

from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification
from transformers.pipelines import PIPELINE_REGISTRY

from .configuration_bert_bilstm import BertBiLSTMConfig
from .modeling_bert_bilstm import BertBiLSTMForSequenceClassification
from .pipeline_aggregate_polarity import AggregatePolarityPipeline


__version__ = "0.1.0"

__all__ = ["AggregatePolarityPipeline", "BertBiLSTMConfig", "BertBiLSTMForSequenceClassification", "__version__"]

# From here on the models and configurations load without `trust_remote_code`, and the task has its pipeline.
AutoConfig.register(BertBiLSTMConfig.model_type, BertBiLSTMConfig)
AutoModel.register(BertBiLSTMConfig, BertBiLSTMForSequenceClassification)
AutoModelForSequenceClassification.register(BertBiLSTMConfig, BertBiLSTMForSequenceClassification)
PIPELINE_REGISTRY.register_pipeline(
    "aggregate-polarity",
    pipeline_class=AggregatePolarityPipeline,
    pt_model=AutoModelForSequenceClassification,
    type="text",
)
