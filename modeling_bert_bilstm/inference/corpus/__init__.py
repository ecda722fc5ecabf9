"""Scoring a corpus of any size: its rows, the shards they are scored in, what survives a stop, films at the end."""
