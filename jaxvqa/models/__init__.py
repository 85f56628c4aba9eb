"""Flax NNX modules: the two visual encoders, the text transformer, MaxVQA's head."""
