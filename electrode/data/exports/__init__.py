"""Frames in the files that other programs train on; each writer names what its format cannot hold."""
