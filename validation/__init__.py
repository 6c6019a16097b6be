"""Claims of the project, each a command: `python -m validation NAME`."""
