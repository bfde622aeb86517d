"""Chains of NUTS in a process of their own, which ask whoever started them for log densities.

Run as ``python -m temjax.calibration.nuts_chains``. Messages on standard input and output are a
line with a kind and a size in bytes, then an ``.npz`` archive of that size.
"""

import sys
from enum import StrEnum
from io import BytesIO
from typing import BinaryIO

import numpy as np

TARGET_ACCEPTANCE = 0.8
FIRST_STEP = 0.5
FIRST_SPREAD = 0.5
MOST_DOUBLINGS = 5


class Kind(StrEnum):
    """What a message is."""

    TASK = "task"
    ASK = "ask"
    ANSWER = "answer"
    DRAWN = "drawn"
    DONE = "done"


def send(stream: BinaryIO, kind: Kind, **arrays) -> None:
    """Write one message."""
    archive = BytesIO()
    np.savez(archive, **arrays)
    content = archive.getvalue()
    stream.write(f"{kind} {len(content)}\n".encode() + content)
    stream.flush()


def receive(stream: BinaryIO) -> tuple[Kind, dict[str, np.ndarray]]:
    """Read one message.

    Raises:
        EOFError: the other side is gone.
    """
    line = stream.readline()
    kind, _, size = line.decode().partition(" ")
    content = stream.read(int(size or 0))
    if not content or len(content) < int(size):
        raise EOFError("the other process ended")
    return Kind(kind), dict(np.load(BytesIO(content), allow_pickle=False))


def run(inward: BinaryIO, outward: BinaryIO) -> None:
    """Warm up, draw, and send what was found.

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
    asked = 0

    def ask(white):
        nonlocal asked
        asked += 1
        send(outward, Kind.ASK, white=white)
        _, answer = receive(inward)
        return answer["value"], answer["gradient"]

    def both(white):
        shapes = jax.ShapeDtypeStruct((), white.dtype), jax.ShapeDtypeStruct((size,), white.dtype)
        return jax.pure_callback(ask, shapes, white, vmap_method="broadcast_all")

    @jax.custom_vjp
    def density(white):
        return both(white)[0]

    density.defvjp(both, lambda gradient, cotangent: (cotangent * gradient,))
    kernel = blackjax.nuts.build_kernel()
    unit = jnp.ones(size)

    @jax.jit
    def advance(keys, states, step_size):
        def one(key, state):
            return kernel(key, state, density, step_size, unit, max_num_doublings=MOST_DOUBLINGS)

        states, info = jax.vmap(one)(keys, states)
        return states, info.acceptance_rate, info.is_divergent

    key, begin = jax.random.split(jax.random.key(seed))
    first = FIRST_SPREAD * jax.random.normal(begin, (chains, size))
    states = jax.jit(jax.vmap(lambda white: blackjax.nuts.init(white, density)))(first)
    start, update, final = dual_averaging_adaptation(TARGET_ACCEPTANCE)
    adapted, step_size = start(FIRST_STEP), FIRST_STEP
    white, log_density, divergent, accepted = [], [], 0, []
    for draw in range(warmup + draws):
        key, *keys = jax.random.split(key, chains + 1)
        states, rate, broke = advance(jnp.stack(keys), states, step_size)
        if draw < warmup:
            adapted = update(adapted, jnp.mean(rate))
            last = draw == warmup - 1
            step_size = final(adapted) if last else jnp.exp(adapted.log_step_size)
        else:
            white.append(np.asarray(states.position))
            log_density.append(np.asarray(states.logdensity))
            divergent += int(jnp.sum(broke))
            accepted.append(float(jnp.mean(rate)))
        send(outward, Kind.DRAWN, draw=draw + 1)
    send(
        outward,
        Kind.DONE,
        white=np.stack(white, axis=1),
        log_density=np.stack(log_density, axis=1),
        divergent=divergent,
        acceptance=np.mean(accepted),
        step_size=step_size,
        asked=asked,
    )


if __name__ == "__main__":
    talk = sys.stdout.buffer
    sys.stdout = sys.stderr  # what libraries print must not be taken for a message
    run(sys.stdin.buffer, talk)
