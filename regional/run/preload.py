"""Imports of the fork server, made when the server imports this module.

``multiprocessing`` ignores an ImportError of what its fork server preloads; here it is reported.
"""

from temjax.native.accelerate import load
from temjax.regional.run.forkserver import KERNELS, PRELOADED, import_modules

import_modules(PRELOADED)
for kernel in KERNELS:
    load("cpu", kernel)  # warns if it cannot be imported
