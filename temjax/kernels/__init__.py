"""Kernels that stand in for functions of the model, by platform and name.

``temjax.native.accelerate`` looks them up here and imports a module when its kernel is first
needed: a run without soil heat imports no kernel of heat. A kernel takes the arguments of the
function it stands in for and returns the same. Its derivatives come beside it:

- ``NAME.jvp`` takes static arguments, the others, their tangents, and which of these are not zero;
  it returns the tangents of the results;
- ``NAME.vjp`` takes static arguments, the others, the cotangents of the results, and which
  cotangents are wanted; it returns the cotangents of the arguments.
"""

_CPU, _GPU = "temjax.kernels.cpu", "temjax.kernels.gpu"

# "module:function"
REGISTRY = {
    "cpu": {
        "month": f"{_CPU}.month:imex_steps",
        "month.jvp": f"{_CPU}.month_jvp:imex_steps_jvp",
        "month.vjp": f"{_CPU}.month_vjp:imex_steps_vjp",
        "months": f"{_CPU}.months:integrate_months",
        "heat_steps": f"{_CPU}.heat:heat_steps",
        "heat_year": f"{_CPU}.heat_year:heat_year",
        "heat_year.vjp": f"{_CPU}.heat_year_vjp:heat_year_vjp",
        "heat_year.jacobian": f"{_CPU}.heat_year_jacobian:steps_and_jacobian",
        "monthly_temperatures": f"{_CPU}.monthly:monthly_temperatures",
    },
    "cuda": {
        "heat_steps": f"{_GPU}.heat_step:heat_steps",
    },
}
