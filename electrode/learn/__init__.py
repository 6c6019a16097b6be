"""Barriers with few calls of an expensive calculator: a Gaussian process learns from each and says where the next one helps most."""
