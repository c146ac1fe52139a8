"""Everything of torch that is not public API, in one place: each name is looked up once, and can be done without.

What is missing in a release costs speed or sends a function to torch's own modes; it never changes a result.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any, TypeVar

import torch
import torch.utils._pytree as pytree
from torch.autograd import forward_ad
from torch.fx.immutable_collections import immutable_dict, immutable_list

T = TypeVar("T")


def _found(module: str, name: str) -> Any:
    """A name of a private module, or ``None``."""
    try:
        value = import_module(module)
        for part in name.split("."):
            value = getattr(value, part)
    except (ImportError, AttributeError):
        return None
    return value


PROBES: dict[str, tuple[str, str]] = {
    "dispatch mode": ("torch.utils._python_dispatch", "TorchDispatchMode"),
    "modes off": ("torch.utils._python_dispatch", "_disable_current_modes"),
    "levels off": ("torch._functorch.pyfunctorch", "temporarily_clear_interpreter_stack"),
    "levels": ("torch._C._functorch", "get_interpreter_stack"),
    "any level": ("torch._C", "_are_functorch_transforms_active"),
    "wrapper": ("torch._C._functorch", "is_functorch_wrapped_tensor"),
    "batched": ("torch._C._functorch", "is_batchedtensor"),
    "batch axis": ("torch._C._functorch", "maybe_get_bdim"),
    "batch level": ("torch._C._functorch", "maybe_get_level"),
    "unwrapped": ("torch._C._functorch", "get_unwrapped"),
    "wrapped": ("torch._C._functorch", "_add_batch_dim"),
    "level off": ("torch._C._functorch", "pop_dynamic_layer_stack"),
    "level on": ("torch._C._functorch", "push_dynamic_layer_stack"),
    "vmap": ("torch._C._functorch", "TransformType.Vmap"),
    "decompositions": ("torch._decomp", "decomposition_table"),
    "fake": ("torch._subclasses.fake_tensor", "FakeTensor"),
    "make dual": ("torch", "_VF._make_dual"),
    "unpack dual": ("torch", "_VF._unpack_dual"),
}
"""What is looked up where."""


@functools.cache
def probe(what: str) -> Any:
    """One of :data:`PROBES`, or ``None`` if this torch has no such thing."""
    return _found(*PROBES[what])


flatten, unflatten_leaves = pytree.tree_flatten, pytree.tree_unflatten


def unflatten(tree: Any, leaves: Sequence[Any]) -> Any:
    """A container from its tree and leaves."""
    return unflatten_leaves(list(leaves), tree)


def mutable(tree: Any) -> Any:
    """Containers without those that ``torch.fx`` freezes, which is what a compiler hands in: the user gets Python's."""
    if type(tree) in (tuple, list, immutable_list):
        items = map(mutable, tree)
        return tuple(items) if type(tree) is tuple else list(items)
    if type(tree) in (dict, immutable_dict):
        return {key: mutable(value) for key, value in tree.items()}
    return tree


def map_tensors(function: Callable[[torch.Tensor], Any], tree: Any) -> Any:
    """A container with every tensor replaced."""
    return pytree.tree_map_only(torch.Tensor, function, tree)


def is_virtual(value: Any) -> bool:
    """Whether a tensor is a tracer's stand-in without numbers, whose sizes may be symbols."""
    fake = probe("fake")
    return fake is not None and isinstance(value, fake)


def is_wrapper(tensor: torch.Tensor) -> bool:
    """Whether a tensor is what a transformation of ``torch.func`` puts around another one: it has no memory itself."""
    check = probe("wrapper")
    return check is not None and bool(check(tensor))


def is_subclass(tensor: torch.Tensor) -> bool:
    """Whether a tensor's operations are not torch's own: a subclass other than parameters and stand-ins of tracers."""
    kind = type(tensor)
    if kind in (torch.Tensor, torch.nn.Parameter, torch.nn.Buffer):
        return False
    return not isinstance(tensor, (probe("fake") or torch.nn.Parameter, torch.nn.Parameter)) and not (
        kind.__module__.startswith("torch._subclasses.functional_tensor")
    )


DispatchMode: Any = probe("dispatch mode")
"""The base of modes that see every operation below autograd: documented, but in a private module."""


def raw(operator: Any) -> Callable[..., Any]:
    """The function behind an operator of ``torch.ops``, which spares a call from Python to Python."""
    function: Callable[..., Any] = getattr(operator, "_op", operator)
    return function


def name_of(operator: Any) -> tuple[str, str]:
    """An operator's name and overload, ``("aten::add", "Tensor")``."""
    whole, _, overload = str(operator.name()).partition(".")
    return whole, overload


def is_mutable(operator: Any) -> bool:
    """Whether an operator writes to one of its arguments."""
    return bool(operator._schema.is_mutable)


def written(operator: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[Any]:
    """The tensors that an operator writes to."""
    found: list[Any] = []
    for k, argument in enumerate(operator._schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            value = args[k] if k < len(args) else kwargs.get(argument.name)
            found.extend(value if isinstance(value, (list, tuple)) else [value])
    return [v for v in found if isinstance(v, torch.Tensor)]


def arguments_by_name(operator: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """All arguments under their names in the operator's signature, defaults included."""
    found: dict[str, Any] = {}
    for k, argument in enumerate(operator._schema.arguments):
        if k < len(args):
            found[argument.name] = args[k]
        elif argument.name in kwargs:
            found[argument.name] = kwargs[argument.name]
        elif argument.has_default_value():
            found[argument.name] = argument.default_value
    return found


def storage_key(tensor: torch.Tensor) -> int:
    """What is equal for two living tensors just if they share memory."""
    storage = tensor.untyped_storage()
    return int(getattr(storage, "_cdata", 0)) or storage.data_ptr()


def is_efficient_zero(tensor: torch.Tensor) -> bool:
    """Whether a tensor stands for zeros and has no memory: forward-mode rules hand such tensors out, and reading one
    below a dispatch mode ends the process.
    """
    check = getattr(tensor, "_is_zerotensor", None)
    return check is not None and bool(check())


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """No transformation, mode or setting of the surroundings is active inside.

    Raises:
        LookupError: This torch offers no way to that; :func:`in_own_thread` is one.
    """
    modes_off, levels_off = probe("modes off"), probe("levels off")
    if modes_off is None or levels_off is None:
        raise LookupError
    with (
        modes_off(),
        levels_off(),
        torch.inference_mode(mode=False),
        torch.enable_grad(),
        torch.autocast("cpu", enabled=False),
    ):
        yield


def apart(call: Callable[[], T]) -> T:
    """``call()`` in no transformation, mode or setting of the surroundings."""
    try:
        with undisturbed():
            return call()
    except LookupError:
        return in_own_thread(call)


def in_own_thread(call: Callable[[], T]) -> T:
    """``call()`` in a new thread, which has no modes and no transformations to begin with.

    It is also the only way to differentiate below a dispatch mode, where autograd is off.
    """
    import contextvars
    from concurrent.futures import ThreadPoolExecutor

    context = contextvars.copy_context()
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(context.run, call).result()


def forward_derivatives(
    call: Callable[..., tuple[torch.Tensor, ...]], primals: Sequence[torch.Tensor], tangents: Sequence[torch.Tensor]
) -> list[tuple[Any, Any]]:
    """Each of ``call``'s results and its tangent, ``None`` for zero, by torch's forward-mode rules.

    The public functions are the same, but load torch's compiler, which takes seconds, before their first use.
    """
    make = probe("make dual") or (lambda p, t, level: forward_ad.make_dual(p, t, level=level))
    unpack = probe("unpack dual") or (lambda d, level: forward_ad.unpack_dual(d, level=level))
    # There is one level in a process: inside of somebody's forward mode, that of `torch.func.jvp` for instance, it is
    # there already.
    with contextlib.nullcontext() if getattr(forward_ad, "_current_level", -1) >= 0 else forward_ad.dual_level():
        results = call(*(make(p, t, 0) for p, t in zip(primals, tangents, strict=True)))
        pairs = [unpack(result, 0) for result in results]
    return [(primal, tangent) for primal, tangent in pairs]


@functools.cache
def decompositions() -> Mapping[Any, Callable[..., Any]]:
    """Operators in terms of others, by torch's own definitions in Python."""
    table: Mapping[Any, Callable[..., Any]] = probe("decompositions") or {}
    return table


def decomposition(operator: Any) -> Callable[..., Any] | None:
    """An operator in terms of others: in Python, or what torch itself runs where it has no kernel."""
    found = decompositions().get(operator)
    if found is None:
        composite = getattr(operator, "_can_decompose", None)
        found = operator.decompose if composite is not None and composite() else None
    return found
