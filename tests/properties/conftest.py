"""Profiles of the property tests: few and repeatable cases here, many with ``-m slow``."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "temjax",
    max_examples=8,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("temjax")
