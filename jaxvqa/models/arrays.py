"""Arrays that networks take: JAX's, and NumPy's, which JAX puts on the device."""

import numpy as np
from jax import Array

AnyArray = Array | np.ndarray
