"""JAX's elementwise operations as single instructions of LLVM, for ``native.lowering``."""

from collections.abc import Callable

# A product and a sum may become one rounding, quotients by one divisor one reciprocal
RELAXED = ("contract", "arcp", "nsz")


def _relaxed(name: str) -> Callable:
    return lambda builder, *given: getattr(builder, name)(*given, flags=RELAXED)


def _compared(sign: str) -> Callable:
    return lambda builder, *given: builder.fcmp_ordered(sign, *given)


def _counted(sign: str) -> Callable:
    return lambda builder, *given: builder.icmp_signed(sign, *given)


_SIGNS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "=="}
FLOATING = {
    **{name: _relaxed(f"f{name}") for name in ("add", "sub", "mul", "div")},
    **{name: _compared(sign) for name, sign in _SIGNS.items()},
    "ne": lambda builder, *given: builder.fcmp_unordered("!=", *given),
    "add_any": _relaxed("fadd"),
    "neg": lambda builder, value: builder.fneg(value, flags=("nsz",)),
    "square": lambda builder, value: builder.fmul(value, value, flags=RELAXED),
}
ANY = {
    **{name: _counted(sign) for name, sign in (_SIGNS | {"ne": "!="}).items()},
    "add": lambda builder, *given: builder.add(*given),
    "sub": lambda builder, *given: builder.sub(*given),
    "and": lambda builder, *given: builder.and_(*given),
    "or": lambda builder, *given: builder.or_(*given),
    "not": lambda builder, value: builder.not_(value),
    "select_n": lambda builder, which, no, yes: builder.select(which, yes, no),
    "copy": lambda builder, value: value,
    "stop_gradient": lambda builder, value: value,
}
