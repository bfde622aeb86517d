"""XLA's foreign-function interface: its C structures, and the handler through which XLA calls.

The classes mirror ``xla/ffi/api/c_api.h``, which comes with jaxlib: as far as the fields that are
used here, which are the same in jaxlib 0.5.0, 0.10.2 and 0.11.2.
"""

import ctypes
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import jax

if TYPE_CHECKING:
    import llvmlite.ir as ir

MAJOR_VERSION = 0  # of the interface: raised where fields are rearranged
METADATA_EXTENSION = 1  # XLA_FFI_Extension_Metadata
PROBE = "temjax_interface_probe"

_callbacks: list = []  # XLA keeps their addresses

# (number of a result, axis)
Dimensions = Sequence[tuple[int, int]]


class ExtensionBase(ctypes.Structure):
    # typedef struct XLA_FFI_Extension_Base {
    #   size_t struct_size;
    #   XLA_FFI_Extension_Type type;
    #   struct XLA_FFI_Extension_Base* next;
    # };
    _fields_ = (
        ("struct_size", ctypes.c_size_t),
        ("type", ctypes.c_int),
        ("next", ctypes.c_void_p),
    )


class ApiVersion(ctypes.Structure):
    # struct XLA_FFI_Api_Version {
    #   size_t struct_size;
    #   XLA_FFI_Extension_Base* extension_start;
    #   int major_version;  // out
    #   int minor_version;  // out
    # };
    _fields_ = (
        ("struct_size", ctypes.c_size_t),
        ("extension_start", ctypes.c_void_p),
        ("major_version", ctypes.c_int),
        ("minor_version", ctypes.c_int),
    )


class Metadata(ctypes.Structure):
    # struct XLA_FFI_Metadata {
    #   size_t struct_size;
    #   XLA_FFI_Api_Version api_version;
    #   XLA_FFI_Handler_Traits traits;
    # };
    _fields_ = (
        ("struct_size", ctypes.c_size_t),
        ("api_version", ApiVersion),
        ("traits", ctypes.c_uint32),
    )


class MetadataExtension(ctypes.Structure):
    # struct XLA_FFI_Metadata_Extension {
    #   XLA_FFI_Extension_Base extension_base;
    #   XLA_FFI_Metadata* metadata;
    # };
    _fields_ = (
        ("extension_base", ExtensionBase),
        ("metadata", ctypes.POINTER(Metadata)),
    )


class Buffer(ctypes.Structure):
    # struct XLA_FFI_Buffer {
    #   size_t struct_size;
    #   XLA_FFI_Extension_Base* extension_start;
    #   XLA_FFI_DataType dtype;
    #   void* data;
    #   int64_t rank;
    #   int64_t* dims;  // length == rank
    # };
    _fields_ = (
        ("struct_size", ctypes.c_size_t),
        ("extension_start", ctypes.c_void_p),
        ("dtype", ctypes.c_int),
        ("data", ctypes.c_void_p),
        ("rank", ctypes.c_int64),
        ("dims", ctypes.POINTER(ctypes.c_int64)),
    )


class Args(ctypes.Structure):
    # struct XLA_FFI_Args {
    #   size_t struct_size;
    #   XLA_FFI_Extension_Base* extension_start;
    #   int64_t size;
    #   XLA_FFI_ArgType* types;  // length == size
    #   void** args;             // length == size
    # };
    _fields_ = (
        ("struct_size", ctypes.c_size_t),
        ("extension_start", ctypes.c_void_p),
        ("size", ctypes.c_int64),
        ("types", ctypes.c_void_p),
        ("args", ctypes.c_void_p),
    )


class Rets(ctypes.Structure):
    # struct XLA_FFI_Rets {
    #   size_t struct_size;
    #   XLA_FFI_Extension_Base* extension_start;
    #   int64_t size;
    #   XLA_FFI_RetType* types;  // length == size
    #   void** rets;             // length == size
    # };
    _fields_ = (
        ("struct_size", ctypes.c_size_t),
        ("extension_start", ctypes.c_void_p),
        ("size", ctypes.c_int64),
        ("types", ctypes.c_void_p),
        ("rets", ctypes.c_void_p),
    )


class Attrs(ctypes.Structure):
    # struct XLA_FFI_Attrs {
    #   size_t struct_size;
    #   XLA_FFI_Extension_Base* extension_start;
    #   int64_t size;
    #   XLA_FFI_AttrType* types;   // length == size
    #   XLA_FFI_ByteSpan** names;  // length == size
    #   void** attrs;              // length == size
    # };
    _fields_ = (
        ("struct_size", ctypes.c_size_t),
        ("extension_start", ctypes.c_void_p),
        ("size", ctypes.c_int64),
        ("types", ctypes.c_void_p),
        ("names", ctypes.c_void_p),
        ("attrs", ctypes.c_void_p),
    )


class CallFrame(ctypes.Structure):
    # struct XLA_FFI_CallFrame {
    #   size_t struct_size;
    #   XLA_FFI_Extension_Base* extension_start;
    #   const XLA_FFI_Api* api;
    #   XLA_FFI_ExecutionContext* ctx;
    #   XLA_FFI_ExecutionStage stage;
    #   XLA_FFI_Args args;
    #   XLA_FFI_Rets rets;
    #   XLA_FFI_Attrs attrs;
    # };
    _fields_ = (
        ("struct_size", ctypes.c_size_t),
        ("extension_start", ctypes.POINTER(ExtensionBase)),
        ("api", ctypes.c_void_p),
        ("ctx", ctypes.c_void_p),
        ("stage", ctypes.c_int),
        ("args", Args),
        ("rets", Rets),
        ("attrs", Attrs),
    )


@cache
def interface_version() -> tuple[int, int]:
    """The interface's major and minor version, from the header that comes with jaxlib."""
    header = Path(jax.ffi.include_dir()) / "xla" / "ffi" / "api" / "c_api.h"
    text = header.read_text()
    major, minor = (
        int(re.search(rf"#define XLA_FFI_API_{part} (\d+)", text)[1]) for part in ("MAJOR", "MINOR")
    )
    return major, minor


def register_handler(target: str, address: int) -> None:
    """Make a handler known to XLA; XLA calls it at once, for its metadata."""
    function = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)(address)
    jax.ffi.register_ffi_target(target, jax.ffi.pycapsule(function), platform="cpu")


def layout_faults(frame: CallFrame) -> list[str]:
    """How a call for metadata differs from the classes above; empty if nothing does.

    As XLA's own handlers do, a call frame must have exactly its size, for it contains other
    structures; those behind pointers may have got further fields.
    """
    faults = []
    major, _ = interface_version()
    if major != MAJOR_VERSION:
        faults.append(f"version {major} of the interface, not {MAJOR_VERSION}")
    if frame.struct_size != ctypes.sizeof(CallFrame):
        faults.append(f"call frame of {frame.struct_size} bytes, not {ctypes.sizeof(CallFrame)}")
        return faults  # what follows would be read from the wrong place
    if not frame.extension_start:
        return [*faults, "a call for metadata without its extension"]
    extension = ctypes.cast(frame.extension_start, ctypes.POINTER(MetadataExtension)).contents
    # sizes end with the last field, without padding
    least = MetadataExtension.metadata.offset + MetadataExtension.metadata.size
    if extension.extension_base.struct_size < least:
        faults.append(f"extension of {extension.extension_base.struct_size} bytes, not {least}")
        return faults
    metadata, least = extension.metadata.contents, Metadata.traits.offset + Metadata.traits.size
    if metadata.struct_size < least:
        faults.append(f"metadata of {metadata.struct_size} bytes, not {least}")
    return faults


@cache
def interface_faults() -> tuple[str, ...]:
    """How the structures that this XLA passes differ from the classes above.

    A handler in Python is registered once: XLA asks it for its metadata.
    """
    faults = ["XLA asks no handler for its metadata"]

    @ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.POINTER(CallFrame))
    def probe(frame):
        faults[:] = layout_faults(frame.contents)
        if not faults:
            extension = frame.contents.extension_start
            extension = ctypes.cast(extension, ctypes.POINTER(MetadataExtension)).contents
            version = extension.metadata.contents.api_version
            version.major_version, version.minor_version = interface_version()
        return None

    _callbacks.append(probe)
    jax.local_devices(backend="cpu")  # before there is one, registrations only wait for it
    try:
        register_handler(PROBE, ctypes.cast(probe, ctypes.c_void_p).value)
    except Exception:
        if not faults:  # else XLA missed the version, which cannot be written
            raise
    return tuple(faults)


def write_handler(
    module: "ir.Module",
    kernel: "ir.Function",
    arguments: int,
    results: int,
    dimensions: Dimensions,
) -> None:
    """Write the function ``handler`` that XLA calls.

    It answers a call for metadata with the interface's version, and any other by a call of the
    kernel with addresses and dimensions from the call frame.

    Args:
        module: to write into.
        kernel: takes the addresses of all arguments and results, then the dimensions.
        arguments: how many.
        results: how many.
        dimensions: of which results along which axes.
    """
    import llvmlite.ir as ir

    pointer, int64, int32 = ir.PointerType(), ir.IntType(64), ir.IntType(32)
    function = ir.Function(module, ir.FunctionType(pointer, [pointer]), "handler")
    builder = ir.IRBuilder(function.append_basic_block())

    def address(base, offset):
        return builder.gep(base, [ir.Constant(int64, offset)], source_etype=ir.IntType(8))

    def load(base, offset, kind=pointer):
        return builder.load(address(base, offset), typ=kind)

    frame = function.args[0]
    extension = load(frame, CallFrame.extension_start.offset)
    extended = builder.icmp_unsigned(
        "!=", builder.ptrtoint(extension, int64), ir.Constant(int64, 0)
    )
    with builder.if_then(extended):
        kind = load(extension, ExtensionBase.type.offset, int32)
        metadata_call = builder.icmp_signed("==", kind, ir.Constant(int32, METADATA_EXTENSION))
        with builder.if_then(metadata_call):
            metadata = load(extension, MetadataExtension.metadata.offset)
            fields = ApiVersion.major_version, ApiVersion.minor_version
            for field, value in zip(fields, interface_version(), strict=True):
                out = address(metadata, Metadata.api_version.offset + field.offset)
                builder.store(ir.Constant(int32, value), out)
            builder.ret(ir.Constant(pointer, None))
    buffers = []
    for offset, count in (
        (CallFrame.args.offset + Args.args.offset, arguments),
        (CallFrame.rets.offset + Rets.rets.offset, results),
    ):
        listed = load(frame, offset)
        buffers.append([load(listed, 8 * number) for number in range(count)])
    sizes = [
        load(load(buffers[1][result], Buffer.dims.offset), 8 * axis, int64)
        for result, axis in dimensions
    ]
    data = [load(buffer, Buffer.data.offset) for part in buffers for buffer in part]
    builder.call(kernel, data + sizes)
    builder.ret(ir.Constant(pointer, None))
