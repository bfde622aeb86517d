"""Worker process of NUTS: runs the chains and requests log densities from its parent.

Run as ``python -m temjax.calibration.nuts_worker``. Messages on standard input and output are a
line with a kind and a size in bytes, then an ``.npz`` archive of that size.
"""

import sys
from enum import StrEnum
from io import BytesIO
from typing import BinaryIO

import numpy as np

TARGET_ACCEPTANCE = 0.8
INITIAL_STEP_SIZE = 0.5
INITIAL_SD = 0.5  # of the first points, in whitened space
MAX_DOUBLINGS = 5


class Message(StrEnum):
    """Kind of a message between the worker and its parent."""

    TASK = "task"
    REQUEST = "request"
    RESPONSE = "response"
    DRAW = "draw"
    DONE = "done"


def send(stream: BinaryIO, kind: Message, **arrays) -> None:
    """Write one message."""
    archive = BytesIO()
    np.savez(archive, **arrays)
    content = archive.getvalue()
    stream.write(f"{kind} {len(content)}\n".encode() + content)
    stream.flush()


def receive(stream: BinaryIO) -> tuple[Message, dict[str, np.ndarray]]:
    """Read one message.

    Raises:
        EOFError: the other process has ended.
    """
    line = stream.readline()
    kind, _, size = line.decode().partition(" ")
    content = stream.read(int(size or 0))
    if not content or len(content) < int(size):
        raise EOFError("the other process ended")
    return Message(kind), dict(np.load(BytesIO(content), allow_pickle=False))


def run(inward: BinaryIO, outward: BinaryIO) -> None:
    """Run warm-up and draws of one task, and send the result.

    The step size is set by dual averaging over the warm-up draws; the mass matrix is the identity.
    """
    import jax

    jax.config.update("jax_enable_x64", True)
    import blackjax
    import jax.numpy as jnp
    from blackjax.adaptation.step_size import dual_averaging_adaptation

    _, task = receive(inward)
    chains, size, draws, warmup, seed = (
        int(task[name]) for name in ("chains", "size", "draws", "warmup", "seed")
    )
    requests = 0

    def request(white):
        nonlocal requests
        requests += 1
        send(outward, Message.REQUEST, white=white)
        _, response = receive(inward)
        return response["value"], response["gradient"]

    def value_and_gradient(white):
        shapes = jax.ShapeDtypeStruct((), white.dtype), jax.ShapeDtypeStruct((size,), white.dtype)
        return jax.pure_callback(request, shapes, white, vmap_method="broadcast_all")

    @jax.custom_vjp
    def density(white):
        return value_and_gradient(white)[0]

    density.defvjp(value_and_gradient, lambda gradient, cotangent: (cotangent * gradient,))
    kernel = blackjax.nuts.build_kernel()
    unit = jnp.ones(size)

    @jax.jit
    def advance(keys, states, step_size):
        def one(key, state):
            return kernel(key, state, density, step_size, unit, max_num_doublings=MAX_DOUBLINGS)

        states, info = jax.vmap(one)(keys, states)
        return states, info.acceptance_rate, info.is_divergent

    key, initial_key = jax.random.split(jax.random.key(seed))
    initial = INITIAL_SD * jax.random.normal(initial_key, (chains, size))
    states = jax.jit(jax.vmap(lambda white: blackjax.nuts.init(white, density)))(initial)
    start, update, final = dual_averaging_adaptation(TARGET_ACCEPTANCE)
    adaptation, step_size = start(INITIAL_STEP_SIZE), INITIAL_STEP_SIZE
    white, log_density, divergent, acceptance = [], [], 0, []
    for draw in range(warmup + draws):
        key, *keys = jax.random.split(key, chains + 1)
        states, rate, diverged = advance(jnp.stack(keys), states, step_size)
        if draw < warmup:
            adaptation = update(adaptation, jnp.mean(rate))
            last = draw == warmup - 1
            step_size = final(adaptation) if last else jnp.exp(adaptation.log_step_size)
        else:
            white.append(np.asarray(states.position))
            log_density.append(np.asarray(states.logdensity))
            divergent += int(jnp.sum(diverged))
            acceptance.append(float(jnp.mean(rate)))
        send(outward, Message.DRAW, draw=draw + 1)
    send(
        outward,
        Message.DONE,
        white=np.stack(white, axis=1),
        log_density=np.stack(log_density, axis=1),
        divergent=divergent,
        acceptance=np.mean(acceptance),
        step_size=step_size,
        requests=requests,
    )


if __name__ == "__main__":
    messages = sys.stdout.buffer
    sys.stdout = sys.stderr  # output of libraries must not mix with messages
    run(sys.stdin.buffer, messages)
