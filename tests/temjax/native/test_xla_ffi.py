"""XLA's structures: the offsets that handlers use, and sizes that are refused."""

import ctypes

import pytest

from temjax.native import availability, xla_ffi
from temjax.native.xla_ffi import (
    ApiVersion,
    Args,
    Buffer,
    CallFrame,
    ExtensionBase,
    Metadata,
    MetadataExtension,
    Rets,
    layout_faults,
)
from tests.support.kernels import needs_kernels


def test_offsets_are_those_of_the_c_structures():
    assert ExtensionBase.type.offset == 8
    assert CallFrame.args.offset + Args.args.offset == 72
    assert CallFrame.rets.offset + Rets.rets.offset == 112
    assert (Buffer.data.offset, Buffer.dims.offset) == (24, 40)
    assert MetadataExtension.metadata.offset == 24
    versions = ApiVersion.major_version, ApiVersion.minor_version
    assert [Metadata.api_version.offset + field.offset for field in versions] == [24, 28]


def metadata_call(frame=168, extension=32, metadata=36):
    """A call for metadata whose structures say that they have these sizes."""
    inner = Metadata(struct_size=metadata)
    outer = MetadataExtension(ExtensionBase(struct_size=extension, type=1), ctypes.pointer(inner))
    start = ctypes.cast(ctypes.pointer(outer), ctypes.POINTER(ExtensionBase))
    call = CallFrame(struct_size=frame, extension_start=start)
    call.keep = inner, outer
    return call


@pytest.mark.parametrize("sizes", [{}, {"metadata": 48}, {"extension": 40}])
def test_known_sizes_and_fields_behind_the_known_ones_are_accepted(sizes):
    assert layout_faults(metadata_call(**sizes)) == []


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"frame": 176}, "call frame of 176 bytes, not 168"),
        ({"frame": 160}, "call frame of 160 bytes, not 168"),
        ({"extension": 24}, "extension of 24 bytes, not 32"),
        ({"metadata": 24}, "metadata of 24 bytes, not 36"),
    ],
)
def test_other_sizes_are_faults(sizes, message):
    assert layout_faults(metadata_call(**sizes)) == [message]


def test_another_major_version_is_a_fault(monkeypatch):
    monkeypatch.setattr(xla_ffi, "interface_version", lambda: (1, 0))
    assert layout_faults(metadata_call()) == ["version 1 of the interface, not 0"]


@needs_kernels
def test_without_the_known_structures_no_kernel_runs(monkeypatch):
    """XLA's own call frame is smaller than the one expected here."""

    class Larger(CallFrame):
        _fields_ = (("more", ctypes.c_int64),)

    monkeypatch.setattr(xla_ffi, "CallFrame", Larger)
    monkeypatch.setattr(xla_ffi, "PROBE", "temjax_test_probe")
    faults = xla_ffi.interface_faults.__wrapped__()
    assert faults == ("call frame of 168 bytes, not 176",)
    monkeypatch.setattr(availability, "interface_faults", lambda: faults)
    availability.unavailable_reason.cache_clear()
    try:
        with pytest.warns(UserWarning, match="call frame of 168 bytes"):
            assert not availability.enabled()
    finally:
        monkeypatch.undo()
        availability.unavailable_reason.cache_clear()
    assert availability.enabled()
