"""Imports of the fork server, made when the server imports this module.

``multiprocessing`` ignores an ImportError of what its fork server preloads; here it is reported.
"""

from temjax.regional.run.forkserver import PRELOADED, import_modules

import_modules(PRELOADED)
