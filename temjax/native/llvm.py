"""Modules of LLVM, compiled to machine code for this CPU and loaded into the process."""

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from temjax.runtime.cache import KERNEL, file_name, get_or_make

if TYPE_CHECKING:
    import llvmlite.binding as llvm
    import llvmlite.ir as ir

_COMPILED_AS = "1"  # raised when ``object_code`` changes: what is cached is then compiled anew


class LoadedModule(NamedTuple):
    """A module in memory, and the name of its file in the cache."""

    engine: "llvm.ExecutionEngine"
    file: str

    def address(self, function: str) -> int:
        """Address of a function."""
        return self.engine.get_function_address(function)


@cache
def compiled_for() -> tuple[str, ...]:
    """What machine code depends on besides the module's text: CPU, features, llvmlite's version."""
    import llvmlite
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    cpu, features = llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
    return cpu, features, llvm.get_process_triple(), llvmlite.__version__, _COMPILED_AS


def compile_module(module: "ir.Module") -> LoadedModule:
    """Compile a module, or take its machine code from the cache, and load it."""
    text = str(module)
    file = file_name("\n".join((text, *compiled_for())), KERNEL)
    return load_object(get_or_make(file, lambda: object_code(text, _target_machine())), file)


def load_object(code: bytes, file: str) -> LoadedModule:
    """Load an object file into memory."""
    import llvmlite.binding as llvm

    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _target_machine())
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return LoadedModule(engine, file)


def object_code(text: str, machine: "llvm.TargetMachine") -> bytes:
    """A module, as text, optimised and compiled: an object file."""
    import llvmlite.binding as llvm

    parsed = llvm.parse_assembly(text)
    parsed.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    # what is to be a vector is one already; LLVM would turn short copies into slow scatters
    options.loop_vectorization = options.slp_vectorization = False
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(parsed, builder)
    return machine.emit_object(parsed)


def _target_machine() -> "llvm.TargetMachine":
    import llvmlite.binding as llvm

    cpu, features, *_ = compiled_for()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=cpu, features=features, opt=3
    )
