"""``python -m idchaos.load``: see :mod:`idchaos.load.engine.child`."""

# gevent must replace the standard library's blocking parts before anything else is imported; Locust does that when it
# is imported, so it comes first.
import locust  # noqa: F401, I001

import os
import sys

from idchaos.load.engine.child import main

code = main()
sys.stdout.flush()
sys.stderr.flush()
# Not sys.exit: greenlets that wait for answers would be waited for.
os._exit(int(code))
