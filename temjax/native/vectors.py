"""Vectors of cells in a function of LLVM: constants, lanes, memory, loops and branches."""

from collections.abc import Callable
from typing import Any

import jax
import llvmlite.ir as ir
import numpy as np

from temjax.native.call import VECTOR_BYTES, lanes_per_vector

INDEX, INT32, BOOL = ir.IntType(64), ir.IntType(32), ir.IntType(1)
POINTER = ir.PointerType()
FLOATS = {"float32": ir.FloatType(), "float64": ir.DoubleType()}

Tree = Any  # pytree of vectors


def index(value: int) -> ir.Constant:
    """A constant that counts rows or cells."""
    return ir.Constant(INDEX, value)


class VectorBuilder:
    """Builds instructions on vectors of cells, at the place of an llvmlite builder.

    Attributes:
        builder: llvmlite's.
        dtype: of the numbers.
        element: its type in LLVM.
        lanes: cells in a vector.
        vector: type of a vector of numbers.
        zero: a vector of zeros.
    """

    def __init__(self, function: ir.Function, dtype: str, registers: int = 1) -> None:
        """Begin the body of a function.

        Args:
            function: to write into.
            dtype: of the numbers.
            registers: of ``VECTOR_BYTES`` that a vector fills.
        """
        self.builder = ir.IRBuilder(function.append_basic_block())
        self.dtype = np.dtype(dtype)
        self.element = FLOATS[self.dtype.name]
        self.lanes = lanes_per_vector(self.dtype, registers)
        self.vector = ir.VectorType(self.element, self.lanes)
        self.zero = self.constant(0.0)

    # --- values

    def constant(self, value: float) -> ir.Constant:
        """A vector of one number."""
        return ir.Constant(self.vector, [ir.Constant(self.element, value)] * self.lanes)

    def int_constant(self, value: int) -> ir.Constant:
        """A vector of one 32-bit integer."""
        vector = ir.VectorType(INT32, self.lanes)
        return ir.Constant(vector, [ir.Constant(INT32, value)] * self.lanes)

    def broadcast(self, value: ir.Value) -> ir.Value:
        """A vector with the same value in every lane; a vector as it is."""
        if isinstance(value.type, ir.VectorType):
            return value
        vector = ir.VectorType(value.type, self.lanes)
        if isinstance(value, ir.Constant):
            return ir.Constant(vector, [value] * self.lanes)
        undefined = ir.Constant(vector, ir.Undefined)
        first = self.builder.insert_element(undefined, value, ir.Constant(INT32, 0))
        return self.builder.shuffle_vector(first, undefined, self.int_constant(0))

    def extract_lane(self, vector: ir.Value, lane: int) -> ir.Value:
        """One lane of a vector."""
        return self.builder.extract_element(vector, ir.Constant(INT32, lane))

    def insert_lane(self, vector: ir.Value, value: ir.Value, lane: int) -> ir.Value:
        """The vector with another value in one lane."""
        return self.builder.insert_element(vector, value, ir.Constant(INT32, lane))

    def any(self, mask: ir.Value) -> ir.Value:
        """Whether a condition holds in some lane."""
        bits = ir.IntType(self.lanes)
        return self.builder.icmp_signed(
            "!=", self.builder.bitcast(mask, bits), ir.Constant(bits, 0)
        )

    # --- memory

    def allocate(self, count: ir.Value) -> ir.Value:
        """Address of a buffer of so many vectors, on the stack of the function."""
        buffer = self.builder.alloca(self.vector, size=count)
        buffer.align = VECTOR_BYTES
        return buffer

    def element_pointer(self, base: ir.Value, position: ir.Value) -> ir.Value:
        """Address of a number in an array."""
        return self.builder.gep(base, [position], source_etype=self.element)

    def load(self, base: ir.Value, position: ir.Value) -> ir.Value:
        """The vector that begins at a number of an array."""
        address = self.element_pointer(base, position)
        return self.builder.load(address, typ=self.vector, align=self.dtype.itemsize)

    def store(self, value: ir.Value, base: ir.Value, position: ir.Value) -> None:
        """Store a vector from a number of an array on."""
        self.builder.store(value, self.element_pointer(base, position), align=self.dtype.itemsize)

    def load_row(self, buffer: ir.Value, number: ir.Value) -> ir.Value:
        """A vector of a buffer of vectors."""
        return self.load(buffer, self.builder.mul(number, index(self.lanes)))

    def store_row(self, value: ir.Value, buffer: ir.Value, number: ir.Value) -> None:
        """Replace a vector of a buffer of vectors."""
        self.store(value, buffer, self.builder.mul(number, index(self.lanes)))

    # --- control flow

    def fori_loop(
        self, count: ir.Value, carry: Tree, body: Callable[[ir.Value, Tree], Tree]
    ) -> Tree:
        """``carry = body(number, carry)`` for every number below ``count``; the last carry."""

        def condition(state):
            return self.builder.icmp_signed("<", state[0], count)

        def step(state):
            number, carry = state
            carry = body(number, carry)
            return self.builder.add(number, index(1)), carry

        return self.while_loop(condition, (index(0), carry), step)[1]

    def while_loop(
        self, condition: Callable[[Tree], ir.Value], carry: Tree, body: Callable
    ) -> Tree:
        """``carry = body(carry)`` as long as ``condition(carry)``; the last carry."""
        builder = self.builder
        leaves, structure = jax.tree.flatten(carry)
        before = builder.block
        head, inside, after = (builder.append_basic_block() for _ in range(3))
        builder.branch(head)
        builder.position_at_end(head)
        phis = [builder.phi(leaf.type) for leaf in leaves]
        for phi, leaf in zip(phis, leaves, strict=True):
            phi.add_incoming(leaf, before)
        current = jax.tree.unflatten(structure, phis)
        builder.cbranch(condition(current), inside, after)
        builder.position_at_end(inside)
        for phi, leaf in zip(phis, jax.tree.leaves(body(current)), strict=True):
            phi.add_incoming(leaf, builder.block)
        builder.branch(head)
        builder.position_at_end(after)
        return current

    def cond(
        self, condition: ir.Value, on_true: Callable[[], Tree], on_false: Callable[[], Tree]
    ) -> Tree:
        """``on_true()`` if a condition holds, else ``on_false()``; only one of them runs."""
        builder = self.builder
        blocks = [builder.append_basic_block() for _ in range(2)]
        after = builder.append_basic_block()
        builder.cbranch(condition, *blocks)
        outcomes = []
        for block, branch in zip(blocks, (on_true, on_false), strict=True):
            builder.position_at_end(block)
            leaves, structure = jax.tree.flatten(branch())
            outcomes.append((leaves, builder.block))
            builder.branch(after)
        builder.position_at_end(after)
        phis = [builder.phi(leaf.type) for leaf in outcomes[0][0]]
        for leaves, block in outcomes:
            for phi, leaf in zip(phis, leaves, strict=True):
                phi.add_incoming(leaf, block)
        return jax.tree.unflatten(structure, phis)


def for_each_vector(
    vectors: VectorBuilder, cells: ir.Value, body: Callable[[ir.Value], None]
) -> None:
    """``body(first cell)`` for one vector of cells after the other, to the last cell."""
    builder, lanes = vectors.builder, index(vectors.lanes)

    def vector(number, _):
        # the last one begins earlier where it would be cut: some cells are done twice
        regular, latest = builder.mul(number, lanes), builder.sub(cells, lanes)
        early = builder.icmp_signed("<", regular, latest)
        body(builder.select(early, regular, latest))
        return ()

    count = builder.sdiv(builder.add(cells, index(vectors.lanes - 1)), lanes)
    vectors.fori_loop(count, (), vector)
