"""JAX's elementwise operations as single instructions of LLVM."""

from collections.abc import Callable

# A product and a sum may become one rounding, quotients by one divisor one reciprocal
RELAXED = ("contract", "arcp", "nsz")


def _relaxed(name: str) -> Callable:
    return lambda builder, *operands: getattr(builder, name)(*operands, flags=RELAXED)


def _compared(sign: str) -> Callable:
    return lambda builder, *operands: builder.fcmp_ordered(sign, *operands)


def _counted(sign: str) -> Callable:
    return lambda builder, *operands: builder.icmp_signed(sign, *operands)


_SIGNS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "=="}
FLOATING = {
    **{name: _relaxed(f"f{name}") for name in ("add", "sub", "mul", "div")},
    **{name: _compared(sign) for name, sign in _SIGNS.items()},
    "ne": lambda builder, *operands: builder.fcmp_unordered("!=", *operands),
    "add_any": _relaxed("fadd"),
    "neg": lambda builder, value: builder.fneg(value, flags=("nsz",)),
    "square": lambda builder, value: builder.fmul(value, value, flags=RELAXED),
}
ANY = {
    **{name: _counted(sign) for name, sign in (_SIGNS | {"ne": "!="}).items()},
    "add": lambda builder, *operands: builder.add(*operands),
    "sub": lambda builder, *operands: builder.sub(*operands),
    "and": lambda builder, *operands: builder.and_(*operands),
    "or": lambda builder, *operands: builder.or_(*operands),
    "not": lambda builder, value: builder.not_(value),
    "select_n": lambda builder, which, no, yes: builder.select(which, yes, no),
    "copy": lambda builder, value: value,
    "stop_gradient": lambda builder, value: value,
}
