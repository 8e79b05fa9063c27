"""Linli 邻里: the open platform that runs a city district."""

__version__ = "0.1.0"
