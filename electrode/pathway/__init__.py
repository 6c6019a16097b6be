"""What surrounds a band: solving it at many potentials, its answer to the potential, references of protons, errors.

`solve` relaxes end states and bands; `response` gives Hessian and curvature at a stationary point; `rows` says what is reported;
`curve` joins bands by their derivatives; `hydrogen` counts protons and electrons; `cell` compares constant charge with constant
potential; `budget` collects the errors; `extras` asks these of a band, and `sweep` of all bands of a pair of end states.
"""
