"""The systems of the literature, each with `fit` and `predict_proba`, on the same data and with the same metrics."""
