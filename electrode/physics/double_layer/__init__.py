"""The planar double layer: closed forms, the first integral of any electrolyte, and a solver for profiles and slits."""

from electrode.physics.double_layer.base import DoubleLayer, microfarad_per_cm2
from electrode.physics.double_layer.closed_forms import Bikerman, GouyChapman, Helmholtz
from electrode.physics.double_layer.diffuse import DiffuseLayer
from electrode.physics.double_layer.electrolyte import Electrolyte, Ion
from electrode.physics.double_layer.permittivity import Booth, Constant, Grahame
from electrode.physics.double_layer.poisson_boltzmann import Plate, Solution, solve
from electrode.physics.double_layer.stern import GouyChapmanStern, Stern

__all__ = ["Bikerman", "Booth", "Constant", "DiffuseLayer", "DoubleLayer", "Electrolyte", "GouyChapman", "GouyChapmanStern",
           "Grahame", "Helmholtz", "Ion", "Plate", "Solution", "Stern", "microfarad_per_cm2", "solve"]  # fmt: skip
