"""What every tensor's entries stand for while a function is traced: a shadow of each storage, in step with its memory.

A tensor is a window on its storage, and so is its meaning a window on the storage's shadow.  Views need no rules, and a
write through one view is seen through every other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ccjac.errors import UnsupportedError
from ccjac.expand import Forms, Symbolic, Value
from ccjac.program import Builder
from ccjac.program.linearization import NO_TANGENT

from . import private

NAMES: dict[torch.dtype, str] = {
    torch.bool: "bool",
    torch.uint8: "uint8",
    torch.int8: "int8",
    torch.int16: "int16",
    torch.int32: "int32",
    torch.int64: "int64",
    torch.float16: "float16",
    torch.bfloat16: "bfloat16",
    torch.float32: "float32",
    torch.float64: "float64",
}
"""torch's types as programs name them."""

TYPES = {name: dtype for dtype, name in NAMES.items()}


def type_name(dtype: torch.dtype) -> str:
    """The name of a type.

    Raises:
        UnsupportedError: Programs have no such type.
    """
    if dtype not in NAMES:
        kind = "complex numbers" if dtype.is_complex else f"{dtype} numbers"
        raise UnsupportedError(f"the function works on {kind}")
    return NAMES[dtype]


@dataclass(eq=False)
class Shadow:
    """The meaning of a storage's entries.

    Attributes:
        ids: Program values, or ``None`` for a tangent.
        vertices: Their vertices, if any.
        forms: A tangent's forms.
        dtype: Type of the entries.
        storage: The storage, so that it lives as long as its shadow.
        frozen: Two tensors share this memory that must not have the same meaning: nothing may be written to it.
    """

    ids: np.ndarray | None
    vertices: np.ndarray | None
    forms: np.ndarray | None
    dtype: str
    storage: Any
    frozen: bool = False


class Shadows:
    """All shadows of one trace, and the storages that it created itself."""

    def __init__(self, builder: Builder) -> None:
        self.builder = builder
        self._shadows: dict[int, Shadow] = {}
        self._created: dict[int, Any] = {}

    def tracked(self, tensor: Any) -> bool:
        """Whether a tensor's entries are values of the program, or tangents."""
        return isinstance(tensor, torch.Tensor) and private.storage_key(tensor) in self._shadows

    def created(self, tensor: torch.Tensor) -> None:
        """Remember a tensor that the traced function made without the inputs."""
        self._created[private.storage_key(tensor)] = tensor.untyped_storage()

    def is_created(self, tensor: torch.Tensor) -> bool:
        """Whether the traced function made a tensor's memory."""
        return private.storage_key(tensor) in self._created

    def put(self, tensor: torch.Tensor, value: Value) -> None:
        """Give the storage of a new tensor its meaning."""
        storage = tensor.untyped_storage()
        size = storage.nbytes() // tensor.element_size()
        if isinstance(value, Forms):
            forms = np.full(size, None, dtype=object)
            _window(forms, tensor)[...] = value.entries
            shadow = Shadow(None, None, forms, type_name(tensor.dtype), storage)
        else:
            ids = np.zeros(size, dtype=np.int64)
            _window(ids, tensor)[...] = value.ids
            vertices = None
            if value.vertices is not None:
                vertices = np.full(size, NO_TANGENT)
                _window(vertices, tensor)[...] = value.vertices
            shadow = Shadow(ids, vertices, None, value.dtype, storage)
        self._shadows[private.storage_key(tensor)] = shadow

    def put_whole(self, tensor: torch.Tensor, value: Symbolic) -> None:
        """Give all the memory of a tensor its meaning."""
        storage = tensor.untyped_storage()
        flat = Shadow(value.ids.ravel(), None, None, value.dtype, storage, frozen=True)
        self._shadows[private.storage_key(tensor)] = flat

    def get(self, tensor: torch.Tensor) -> Symbolic | Forms:
        """The meaning of a tensor."""
        shadow = self._shadows[private.storage_key(tensor)]
        if type_name(tensor.dtype) != shadow.dtype:
            raise UnsupportedError("the function reads an array's memory as another type")
        if tensor.is_neg() or tensor.is_conj():
            raise UnsupportedError("the function negates a view")
        if shadow.forms is not None:
            return Forms(_window(shadow.forms, tensor))
        assert shadow.ids is not None
        vertices = None if shadow.vertices is None else _window(shadow.vertices, tensor)
        if vertices is not None and not (vertices != NO_TANGENT).any():
            vertices = None
        return Symbolic(_window(shadow.ids, tensor), vertices, shadow.dtype)

    def write(self, tensor: torch.Tensor, value: Symbolic) -> None:
        """Give the entries of a tensor another meaning: something is written to its memory.

        Under ``no_grad`` that changes the numbers alone; whatever derivative they had, they keep.

        Raises:
            UnsupportedError: The memory is not the function's own, or may not be written to.
        """
        key = private.storage_key(tensor)
        if key not in self._shadows:
            if key not in self._created:
                raise UnsupportedError("the function writes to a tensor from its surroundings")
            # Created without the inputs: what it holds now are constants.
            storage = tensor.untyped_storage()
            whole = torch.empty(0, dtype=tensor.dtype).set_(storage)
            self.put(whole, constant(self.builder, whole))
        shadow = self._shadows[key]
        if shadow.frozen or shadow.forms is not None:
            raise UnsupportedError("the function writes to a tensor after `detach`, or from its surroundings")
        if shadow.ids is None or type_name(tensor.dtype) != shadow.dtype:
            raise UnsupportedError("the function reads an array's memory as another type")
        # A tensor may show one entry at several places; what is written there last counts, as in torch.
        _window(shadow.ids, tensor)[...] = value.ids
        if not torch.is_grad_enabled():
            return
        if value.vertices is not None and shadow.vertices is None:
            shadow.vertices = np.full(shadow.ids.shape, NO_TANGENT)
        if shadow.vertices is not None:
            _window(shadow.vertices, tensor)[...] = value.tangent_vertices()

    def write_forms(self, tensor: torch.Tensor, value: Forms) -> None:
        """Write tangents to memory that holds tangents, or zeros that the derivative rule has made itself.

        Raises:
            UnsupportedError: It holds something else.
        """
        key = private.storage_key(tensor)
        if key not in self._shadows and key in self._created:
            whole = torch.empty(0, dtype=tensor.dtype).set_(tensor.untyped_storage())
            if not whole.count_nonzero():
                self.put(whole, Forms(np.full(whole.shape, None, dtype=object)))
        shadow = self._shadows.get(key)
        if shadow is None or shadow.forms is None or shadow.frozen:
            raise UnsupportedError("a derivative rule writes tangents over values")
        _window(shadow.forms, tensor)[...] = value.entries

    def freeze(self, tensor: torch.Tensor) -> None:
        """Let nothing be written to a tensor's memory any more."""
        self._shadows[private.storage_key(tensor)].frozen = True


def _window(flat: np.ndarray, tensor: torch.Tensor) -> np.ndarray:
    # An empty tensor may begin behind its storage's end.
    start = min(tensor.storage_offset(), flat.size)
    strides = [flat.itemsize * step for step in tensor.stride()]
    return np.lib.stride_tricks.as_strided(flat[start:], tuple(tensor.shape), strides)


def constant(builder: Builder, value: Any, dtype: str | None = None) -> Symbolic:
    """A tensor's or a number's entries as constants of the program."""
    if isinstance(value, torch.Tensor):
        dtype = type_name(value.dtype)
        numbers = value.detach().resolve_neg()
        numbers = numbers.double() if value.dtype.is_floating_point else numbers
        ids = [builder.const(number, dtype) for number in numbers.reshape(-1).tolist()]
        return Symbolic(np.array(ids, dtype=np.int64).reshape(tuple(value.shape)), None, dtype)
    assert dtype is not None
    kind = bool if dtype == "bool" else float if "float" in dtype else int
    return Symbolic(np.array(builder.const(kind(value), dtype), dtype=np.int64), None, dtype)
