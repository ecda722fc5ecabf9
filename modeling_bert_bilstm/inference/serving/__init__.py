"""Answering over HTTP: one process takes requests and forms batches, workers behind it compute them."""
