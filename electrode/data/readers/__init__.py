"""Readers of data files, one short module per format; `registry` lists them and `registry.read` picks one."""
