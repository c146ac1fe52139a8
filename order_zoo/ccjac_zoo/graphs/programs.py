"""Random programs as people write them: expressions, layers, recurrences, blocks called again and again.

Every family takes a generator of random numbers and a number of operations that it meets roughly.  Its own parameters
(depth, fan-out, reuse, share of sums, ratio of inputs to outputs) are drawn anew for each graph.
"""

from __future__ import annotations

import random

from ccjac.graph import Graph

from .tape import Kind, Tape

_KINDS: tuple[Kind, Kind, Kind] = ("add", "multiply", "multiply")


def expressions(rng: random.Random, size: int) -> Graph:
    """Straight-line code: pending subexpressions are consumed, sometimes an old value is used again."""
    many = rng.random() < 0.6
    tape = Tape(rng.randint(2, max(3, size // 6)) if many else rng.randint(1, 8), rng)
    scale = rng.choice((2.5, 6.0, 15.0, 50.0, 1e6))
    reuse, unary, sums = rng.uniform(0.0, 0.45), rng.uniform(0.08, 0.5), rng.uniform(0.2, 0.7)
    pending = list(range(tape.size))

    def operand() -> int:
        draw = rng.random()
        if draw < reuse:
            return rng.randrange(tape.size)
        if pending and draw < 0.85:
            back = min(len(pending) - 1, int(rng.expovariate(1.0 / scale)))
            return pending.pop(len(pending) - 1 - back)
        return tape.recent(min(scale, tape.size))

    for _ in range(size):
        operands = [operand()] if rng.random() < unary else [operand(), operand()]
        pending.append(tape.random(operands, sums))
    if rng.random() < 0.7:
        tape.reduce(tape.unused(), rng.randint(1, 8), sums)
    return tape.graph()


def layers(rng: random.Random, size: int) -> Graph:
    """Layers of vertices that read a random part of the layer before, with a few skips."""
    width = rng.randint(2, max(3, min(12, size // 4)))
    tape = Tape(rng.randint(1, width + 2), rng)
    density, skips = rng.uniform(0.15, 0.75), rng.choice((0.0, 0.05, 0.15))
    before = list(range(tape.size))
    for _ in range(max(2, size // width)):
        now = []
        for _ in range(max(1, width + rng.randint(-1, 1))):
            operands = [u for u in before if rng.random() < density] or [rng.choice(before)]
            if rng.random() < skips:
                operands.append(rng.randrange(tape.size))
            now.append(tape.apply(rng.choice(_KINDS), operands))
        for u in before:
            if not tape.is_used(u):
                tape.use(u, rng.choice(now))
        before = now
    return tape.graph(before)


def chain(rng: random.Random, size: int) -> Graph:
    """A long recurrence that looks back now and then."""
    tape = Tape(rng.randint(1, 5), rng)
    back, branch, span = rng.uniform(0.05, 0.65), rng.uniform(0.0, 0.2), rng.choice((3.0, 10.0, 40.0))
    now = 0
    while tape.operations < size:
        operands = [now]
        if rng.random() < back:
            operands.append(tape.recent(span))
        now = tape.random(operands, 0.5)
        if rng.random() < branch:
            now = rng.randrange(tape.size)
    return tape.graph([now] if now >= tape.n_inputs else ())


def stars(rng: random.Random, size: int) -> Graph:
    """Few values that many others read, collected in a few sums."""
    tape = Tape(rng.randint(2, 12), rng)
    hubs = []
    for _ in range(rng.randint(1, max(1, size // 25))):
        hub = tape.random(rng.sample(range(tape.size), min(tape.size, rng.randint(2, 8))), 0.5)
        for _ in range(rng.randint(0, 3)):
            hub = tape.random([hub], 0.0)
        hubs.append(hub)
    while tape.operations < size:
        x = tape.random([rng.choice(hubs), rng.randrange(tape.size)], 0.35)
        for _ in range(rng.randint(0, 3)):
            x = tape.random([x] if rng.random() < 0.5 else [x, rng.choice(hubs)], 0.5)
    tape.reduce(tape.unused(), rng.randint(1, max(1, size // 10)), 1.0, arity=6)
    return tape.graph()


def tree(rng: random.Random, size: int) -> Graph:
    """An expression tree with some shared subtrees."""
    tape = Tape(rng.randint(2, max(3, size // 4)), rng)
    share, unary = rng.uniform(0.0, 0.25), rng.uniform(0.1, 0.4)
    active = [tape.random([rng.randrange(tape.n_inputs)], 0.0) for _ in range(max(2, size // 3))]
    while tape.operations < size and len(active) > 1:
        rng.shuffle(active)
        take = min(len(active), rng.randint(2, 4))
        operands, active = active[:take], active[take:]
        active += [u for u in operands if rng.random() < share]
        active.append(tape.random(operands, 0.5))
        if rng.random() < unary:
            active.append(tape.random([active.pop()], 0.0))
    return tape.graph()


def blocks(rng: random.Random, size: int) -> Graph:
    """One random block applied again and again: a time step, or an element with shared parameters."""
    length = rng.randint(4, max(5, min(25, size // 2)))
    state = rng.randint(1, min(5, length))
    shared = rng.randint(0, 4)
    chained = rng.random() < 0.65
    tape = Tape(state + shared, rng)
    recipe: list[tuple[Kind, list[int]]] = []
    for k in range(length):
        top = state + shared + k
        low = max(0, top - rng.choice((3, 6, 40)))
        count = 1 if rng.random() < 0.3 else 2
        kind: Kind = rng.choice(_KINDS) if count > 1 else "multiply"
        recipe.append((kind, [rng.randrange(low, top) for _ in range(count)]))
    now, results = list(range(state)), []
    for _ in range(max(1, size // length)):
        local = now + list(range(state, state + shared))
        for kind, places in recipe:
            local.append(tape.apply(kind, [local[p] for p in places]))
        now = local[-state:]
        if not chained:
            results += now
            now = [rng.choice(local) for _ in range(state)]
    return tape.graph([v for v in dict.fromkeys([*results, *now]) if v >= tape.n_inputs])
