"""Guards: whatever a function can reach and that changes is noticed; what does not matter is not."""

from __future__ import annotations

import array
import collections
import dataclasses
import enum
import functools
import gc
import itertools
import random
import sys
import time
import types
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from ccjac.guards import Guard, Watch, array_key, is_plain, plain_key, record, same

Scenario = tuple[Callable[..., Any], Callable[[], Any]]
"""A function, and something that changes what it reads."""

GAIN = 2.0


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


@dataclasses.dataclass
class Config:
    power: int = 2
    inner: Any = None


class Slotted:
    __slots__ = ("gain", "other")

    def __init__(self) -> None:
        self.gain = 2.0


class Model:
    shared = 3.0

    def __init__(self) -> None:
        self.gain, self.unread, self.calls, self.log = 2.0, 1.0, 0, []
        self.config = Config()
        self.table = {"a": [1.0, {"b": 2.0}]}

    def value(self, x: Any) -> Any:
        self.calls += 1
        self.log.append(x)
        return self.gain * x * self.scaled() * self.table["a"][0] ** self.config.power

    def scaled(self) -> float:
        return self.shared

    @property
    def doubled(self) -> float:
        return 2.0 * self.gain

    def __call__(self, x: Any) -> Any:
        return x * self.doubled


class Derived(Model):
    def value(self, x: Any) -> Any:
        return super().value(x) + 1.0


class Proxy:
    def __init__(self, **held: Any) -> None:
        self.__dict__["held"] = held

    def __getattr__(self, name: str) -> Any:
        return self.__dict__["held"][name]


class Box:
    """Nothing of it is named by the functions below."""

    def __init__(self, value: Any) -> None:
        self.value = value


def of_cell() -> Scenario:
    k = 2.0

    def change() -> None:
        nonlocal k
        k = 3.0

    return lambda x: k * x, change


def of_global() -> Scenario:
    return lambda x: GAIN * x, functools.partial(globals().__setitem__, "GAIN", 5.0)


def helper(x: Any) -> Any:
    return [GAIN * y for y in (x,)]


def of_a_helpers_global() -> Scenario:
    return lambda x: helper(x), functools.partial(globals().__setitem__, "GAIN", 6.0)


def of_default() -> Scenario:
    def f(x: Any, k: float = 2.0) -> Any:
        return k * x

    return f, lambda: setattr(f, "__defaults__", (3.0,))


def of_keyword_default() -> Scenario:
    def f(x: Any, *, k: Any = (1.0, [2.0])) -> Any:
        return k[0] * x

    return f, lambda: f.__kwdefaults__["k"][1].append(1.0)  # type: ignore[index]


def of_code() -> Scenario:
    def inner(x: Any) -> Any:
        return x

    return lambda x: inner(x), lambda: setattr(inner, "__code__", (lambda x: 2 * x).__code__)


def of_bound_method() -> Scenario:
    m = Model()
    return m.value, lambda: setattr(m, "gain", 5.0)


def of_method_found_by_name() -> Scenario:
    m = Derived()
    return m.value, lambda: setattr(Model, "shared", Model.shared + 1.0)


def of_nested_attribute() -> Scenario:
    m = Model()
    return lambda x: m.value(x), lambda: setattr(m.config, "power", 3)


def of_nested_container() -> Scenario:
    m = Model()
    return lambda x: m.value(x), lambda: m.table["a"].__setitem__(0, 4.0)


def of_property() -> Scenario:
    m = Model()
    return lambda x: m(x), lambda: setattr(m, "gain", 1.5)


def of_callable_object() -> Scenario:
    m = Model()
    return m, lambda: setattr(m, "gain", 1.5)


def of_replaced_method() -> Scenario:
    m = Model()
    return m.value, lambda: setattr(m, "scaled", lambda: 9.0)


def of_slots() -> Scenario:
    s = Slotted()
    return lambda x: s.gain * x, lambda: setattr(s, "gain", 1.0)


def of_missing_slot() -> Scenario:
    s = Slotted()
    return lambda x: s.other * x, lambda: setattr(s, "other", 1.0)


def of_proxy() -> Scenario:
    p = Proxy(gain=2.0)
    return lambda x: p.gain * x, lambda: p.held.__setitem__("gain", 3.0)


def of_getattr() -> Scenario:
    m = Model()
    return lambda x: getattr(m, "un" + "read") * x, lambda: setattr(m, "unread", 2.0)


def of_unnamed_attribute() -> Scenario:
    box = Box(2.0)
    return lambda x: str(box) + x, lambda: setattr(box, "value", 3.0)


def of_partial() -> Scenario:
    part = functools.partial(lambda k, x: k[0] * x, [2.0])
    return part, lambda: part.args[0].__setitem__(0, 3.0)


def of_namespace() -> Scenario:
    n = types.SimpleNamespace(k=2.0)
    return lambda x: n.k * x, lambda: setattr(n, "k", 3.0)


def of_module() -> Scenario:
    module = types.ModuleType("settings_of_a_user")
    module.gain = 2.0  # type: ignore[attr-defined]
    return lambda x: module.gain * x, lambda: setattr(module, "gain", 3.0)


def of_import_inside() -> Scenario:
    module = types.ModuleType("settings_inside")
    module.gain = 2.0  # type: ignore[attr-defined]
    sys.modules["settings_inside"] = module

    def f(x: Any) -> Any:
        import settings_inside  # type: ignore[import-not-found]

        return settings_inside.gain * x

    return f, lambda: setattr(module, "gain", 3.0)


def of_from_import_inside() -> Scenario:
    module = types.ModuleType("settings_from")
    module.gain = 2.0  # type: ignore[attr-defined]
    sys.modules["settings_from"] = module

    def f(x: Any) -> Any:
        from settings_from import gain  # type: ignore[import-not-found]

        return gain * x

    return f, lambda: setattr(module, "gain", 3.0)


def of_numpy_content() -> Scenario:
    a = np.arange(12.0).reshape(3, 4)[:, ::2]
    return lambda x: a * x, lambda: a.__setitem__((0, 0), 9.0)


def of_buffers() -> Scenario:
    b = array.array("d", [1.0])
    return lambda x: b[0] * x, lambda: b.__setitem__(0, 2.0)


def of_long_list() -> Scenario:
    many = [float(k) for k in range(100)]
    return lambda x: many[7] * x, lambda: many.__setitem__(7, 7)


def of_nested_tuple() -> Scenario:
    d = {"k": (1.0, (2.0, 0.0))}
    return lambda x: x / d["k"][1][1], lambda: d.__setitem__("k", (1.0, (2.0, -0.0)))


def of_tuple_of_other_types() -> Scenario:
    d = {"k": (1, 2)}
    return lambda x: x * d["k"][0], lambda: d.__setitem__("k", (1, 2.0))


def of_sign_of_zero() -> Scenario:
    d = {"k": 0.0}
    return lambda x: x / d["k"], lambda: d.__setitem__("k", -0.0)


def of_type_of_number() -> Scenario:
    d = {"k": 1}
    return lambda x: x * d["k"], lambda: d.__setitem__("k", True)


def of_order_of_keys() -> Scenario:
    d = {"a": 1, "b": 2}

    def change() -> None:
        d["a"] = d.pop("a")

    return lambda x: (x, d), change


def of_set() -> Scenario:
    s = {1, 2}
    return lambda x: x if 1 in s else -x, lambda: s.remove(1)


def of_deque() -> Scenario:
    q = collections.deque([1.0, 2.0])
    return lambda x: q[0] * x, q.rotate


def of_enum() -> Scenario:
    c = Config(inner=Colour.RED)
    return lambda x: x if c.inner is Colour.RED else -x, lambda: setattr(c, "inner", Colour.BLUE)


def of_functions_in_a_table() -> Scenario:
    gain = [2.0]
    table = {"f": lambda x: gain[0] * x}
    return lambda x: table["f"](x), lambda: gain.__setitem__(0, 3.0)


def of_wrapped() -> Scenario:
    gain = [2.0]

    @functools.lru_cache
    def inner() -> float:
        return gain[0]

    return lambda x: inner() * x, lambda: gain.__setitem__(0, 3.0)


def of_a_constructed_class() -> Scenario:
    class Local:
        k = 2.0

        def __init__(self, x: Any) -> None:
            self.x = x * self.k

    return lambda x: Local(x).x, lambda: setattr(Local, "k", 3.0)


def of_nested_function() -> Scenario:
    k = [1.0]

    def f(x: Any) -> Any:
        def inner(y: Any) -> Any:
            return [k[0] * z for z in y]

        return inner(x)

    return f, lambda: k.__setitem__(0, 2.0)


def of_a_counter_that_is_used() -> Scenario:
    count = [0]

    def f(x: Any) -> Any:
        count[0] += 1
        return x * count[0]

    return f, lambda: f(1.0)


def of_a_list_that_is_used() -> Scenario:
    seen: list[Any] = []

    def f(x: Any) -> Any:
        seen.append(x)
        return x * len(seen)

    return f, lambda: f(1.0)


def of_undefined_global() -> Scenario:
    return (
        lambda x: x * UNDEFINED if x else x,  # type: ignore[name-defined]  # noqa: F821
        lambda: globals().__setitem__("UNDEFINED", 1.0),
    )


SCENARIOS = {name.removeprefix("of_"): make for name, make in list(globals().items()) if name.startswith("of_")}


@pytest.fixture(autouse=True)
def _globals_restored() -> Iterator[None]:
    before = GAIN, Model.shared
    yield
    globals()["GAIN"], Model.shared = before
    globals().pop("UNDEFINED", None)


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_change_is_noticed(name: str) -> None:
    fun, change = SCENARIOS[name]()
    guard = record(fun)
    assert not guard.obstacle
    assert guard.holds(fun)
    change()
    assert not guard.holds(fun)
    again = record(fun)
    assert again.holds(fun)


def unread_attribute() -> Scenario:
    m = Model()
    return m.value, lambda: setattr(m, "unread", 5.0)


def counters_and_lists() -> Scenario:
    m = Model()
    return m.value, lambda: m.value(1.0)


def nonlocal_counter() -> Scenario:
    n, calls = 0, [0]

    def f(x: Any) -> Any:
        nonlocal n
        n += 1
        calls[0] += 1
        return x

    return f, lambda: f(1.0)


def unused_global() -> Scenario:
    return lambda x: x, lambda: globals().__setitem__("GAIN", 7.0)


def equal_values() -> Scenario:
    c = Config(inner=[1.0, 2.0])
    return lambda x: x * c.inner[0], lambda: setattr(c, "inner", [1.0, 2.0])


@pytest.mark.parametrize("make", [unread_attribute, counters_and_lists, nonlocal_counter, unused_global, equal_values])
def test_what_does_not_matter_is_not_noticed(make: Callable[[], Scenario]) -> None:
    fun, change = make()
    guard = record(fun)
    assert not guard.obstacle
    change()
    assert guard.holds(fun)


def test_functions_of_the_same_code_share_a_guard() -> None:
    def make(k: Any) -> Any:
        return lambda x: k[0] * helper(x)

    guard = record(make([2.0]))
    assert guard.holds(make([2.0]))
    assert not guard.holds(make([3.0]))
    assert not guard.holds(lambda x: x)
    assert record(Model().value).holds(Model().value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: (lambda it: lambda x: next(it) * x)(itertools.count()),
        lambda: (lambda r: lambda x: r.random() * x)(random.Random(0)),
        lambda: (lambda r: lambda x: r.normal() * x)(np.random.default_rng(0)),
        lambda: lambda x: np.random.normal() * x,  # noqa: NPY002
        lambda: lambda x: random.random() * x,
        lambda: lambda x: time.time() * x,
        lambda: lambda x: eval("GAIN") * x,
        lambda: (lambda a: lambda x: a[0] * x)(np.array([object()])),
        lambda: (lambda many: lambda x: many[0] * x)([[k] for k in range(5_000)]),
    ],
)
def test_what_cannot_be_guarded_is_said(make: Callable[[], Any]) -> None:
    assert record(make()).obstacle


def test_static_arguments_are_roots() -> None:
    c = Config()
    fun = lambda x, c: x**c.power  # noqa: E731
    guard = record(fun, c)
    assert guard.holds(fun, c)
    assert guard.holds(fun, Config())
    c.power = 3
    assert not guard.holds(fun, c)


class Array:
    """Stands for a framework's array: watched by identity."""


def by_identity(value: Any) -> Watch | None:
    if not isinstance(value, Array):
        return None
    reference = weakref.ref(value)
    return Watch(lambda now: now is reference(), value)


def test_arrays_are_watched_by_the_framework_and_not_kept() -> None:
    m = Model()
    m.config.inner = Array()
    fun = lambda x: m.config.inner * x  # noqa: E731
    guard = record(fun, watch=by_identity)
    gone: list[int] = []
    guard.when_gone(lambda: gone.append(1))
    assert guard.holds(fun)
    m.config.inner = Array()
    gc.collect()
    assert gone
    assert not guard.holds(fun)


def of_model(m: Model) -> Any:
    return lambda x: m.value(x) * m.config.inner


def test_nothing_is_kept_alive() -> None:
    m, a = Model(), np.ones(100_000)
    m.config.inner = a
    fun = of_model(m)
    references = [weakref.ref(o) for o in (m, m.config, fun, a)]
    guard = record(fun)
    assert guard.holds(fun)
    gone: list[int] = []
    guard.when_gone(lambda: gone.append(1))
    del m, a, fun
    gc.collect()
    assert [r() for r in references] == [None] * 4
    assert gone
    late: list[int] = []
    guard.when_gone(lambda: late.append(1))
    assert late


def test_cycles_end() -> None:
    m = Model()
    m.table["self"] = m  # type: ignore[assignment]
    loop: list[Any] = [1.0]
    loop.append(loop)

    def recursive(x: Any, n: int = 2) -> Any:
        return recursive(x, n - 1) * loop[0] * m.table["a"][0] if n else x

    guard = record(recursive)
    assert isinstance(guard, Guard)
    assert not guard.obstacle
    assert guard.holds(recursive)
    loop[0] = 2.0
    assert not guard.holds(recursive)


def test_plain_values() -> None:
    assert same(float("nan"), float("nan"))
    assert not same(0.0, -0.0)
    assert not same(1, 1.0)
    assert not same(True, 1)
    assert not same(complex(0.0, -0.0), complex(0.0, 0.0))
    assert same(np.float32(1.5), np.float32(1.5))
    assert not same(np.float32(1.5), np.float64(1.5))
    assert plain_key(0.0) != plain_key(-0.0)
    assert plain_key(1) != plain_key(True)
    assert plain_key(float("nan")) == plain_key(float("nan"))
    assert plain_key(slice(1, 2)) == plain_key(slice(1, 2))
    assert is_plain(Colour.RED)
    assert not is_plain([])
    assert array_key(np.ones(3)) != array_key(np.ones(3, np.float32))
    assert array_key(np.ones((2, 3))) != array_key(np.ones((3, 2)))
    assert array_key(np.zeros((0, 3))) == array_key(np.zeros((0, 3)))
    assert array_key(np.array([object()])) is None
