"""Drivers of other packages; each runs alone, in the Python that has that package: `python FILE SYSTEM.npz OPTIONS.json`."""
