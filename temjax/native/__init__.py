"""Kernels for CPUs written from elementwise JAX functions; knows nothing of the model.

What other packages use:

- ``accelerate.accelerated("name")`` marks a function that a registered kernel may stand in for;
- ``availability.enabled``, ``disabled``, ``unavailable_reason`` say and set whether kernels run;
- ``lowering.VectorWriter`` writes a kernel: a loop over vectors of cells whose arithmetic is
  that of traced JAX functions;
- ``call.register_kernel`` and ``call.call_kernel`` compile it with LLVM and call it from XLA.
"""
