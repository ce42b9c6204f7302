from .catalogue import catalogue_names as catalogue_names
from .ellipsoid import Ellipsoid as Ellipsoid
from .rasterizer import Rasterizer as Rasterizer
from .sampler import SolidDescriptor as SolidDescriptor
from .sampler import SolidSampler as SolidSampler
from .solid import Solid as Solid
from .wulff import marks_decahedron as marks_decahedron
from .wulff import wulff as wulff
