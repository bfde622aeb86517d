"""One core per test: the suite has a worker on each, and one width of starts is one compilation."""

import pytest

from temjax.calibration import parallel


@pytest.fixture(autouse=True, scope="session")
def one_core():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parallel, "number_of_cores", lambda: 1)
        yield
