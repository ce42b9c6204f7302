"""Reconstruction of bodies by networks that are trained through the scattering physics.

Everything but the settings themselves needs Keras, which is loaded when a network or a loss is built.
"""

from scatterkit.reconstruction._pretrained import pretrained_names
from scatterkit.reconstruction.bodies import Body, front_surface
from scatterkit.reconstruction.decoders.base import Decoder
from scatterkit.reconstruction.decoders.depth import DepthDecoder
from scatterkit.reconstruction.decoders.halfspaces import PlaneDecoder, SupportDecoder
from scatterkit.reconstruction.decoders.names import make_decoder
from scatterkit.reconstruction.decoders.voxels import VoxelDecoder
from scatterkit.reconstruction.encoders import CompactEncoder, Encoder, PublishedEncoder
from scatterkit.reconstruction.losses.base import Loss
from scatterkit.reconstruction.losses.exact import ExactPhysicsLoss
from scatterkit.reconstruction.losses.mixes import Ramp, WeightedLoss, make_loss
from scatterkit.reconstruction.losses.physics import PhysicsLoss
from scatterkit.reconstruction.losses.shape import CrossEntropyLoss, VisibleShapeLoss
from scatterkit.reconstruction.losses.surface import SurfaceLoss
from scatterkit.reconstruction.networks import make_network
from scatterkit.reconstruction.pose import canonical_pose, canonical_shift, canonical_shift_of_planes
from scatterkit.reconstruction.reconstructor import PhysicsReconstructor
from scatterkit.reconstruction.refinement import Refiner
from scatterkit.reconstruction.training.errors import TrainingError

__all__ = [
    "Body",
    "CompactEncoder",
    "CrossEntropyLoss",
    "Decoder",
    "DepthDecoder",
    "Encoder",
    "ExactPhysicsLoss",
    "Loss",
    "PhysicsLoss",
    "PhysicsReconstructor",
    "PlaneDecoder",
    "PublishedEncoder",
    "Ramp",
    "Refiner",
    "SupportDecoder",
    "SurfaceLoss",
    "TrainingError",
    "VisibleShapeLoss",
    "VoxelDecoder",
    "WeightedLoss",
    "canonical_pose",
    "canonical_shift",
    "canonical_shift_of_planes",
    "front_surface",
    "make_decoder",
    "make_loss",
    "make_network",
    "pretrained_names",
]
