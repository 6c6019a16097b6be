"""Which elements are taken for the electrode where a structure does not say so."""

# d-block metals and the p-block metals used as electrodes; alkali and alkaline-earth metals are ions at an interface
ELECTRODE_ELEMENTS = frozenset([13, *range(21, 32), *range(39, 51), *range(57, 84)])
