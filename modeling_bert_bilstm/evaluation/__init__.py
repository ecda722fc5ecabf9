"""How good a model is: metrics, and where they were measured."""
