"""A move by Gumbel search on the game's true rules (Danihelka et al., ICLR 2022; Lohoff & Neftci, NeurIPS 2024).

The search masks illegal moves at the root only; elsewhere their logits are hugely negative here, and behind the last
move the discount is 0.  Leaves are worth what the greedy rules pay from there on, or what the network forecasts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import mctx

from .learner import Weights, player
from .network import Shape
from .observation import Array, Observation
from .sight import Position, look, move

Leaf = Literal["rules", "network"]


@dataclass(frozen=True)
class Effort:
    """How a move is searched.

    Attributes:
        simulations: Positions looked at per move.
        considered: Moves considered at the root.
        leaf: What leaves are worth.
    """

    simulations: int = 16
    considered: int = 8
    leaf: Leaf = "rules"


class Turn(NamedTuple):
    """A searched move, with a leading batch axis.

    Attributes:
        seen: The position before it.
        policy: ``[B, N]`` improved probabilities.
        after: The position after it.
        price: ``[B]`` int32.
        live: ``[B]`` whether there was anything left to eliminate.
    """

    seen: Observation
    policy: Array
    after: Position
    price: Array
    live: Array


@cache
def mover(shape: Shape, effort: Effort) -> Callable[..., Turn]:
    """Compiled ``(weights, key, position, scale, noise) -> turn``.

    ``scale`` is the cost that counts as 1, ``noise`` the scale of the Gumbel noise at the root.
    """
    play = player(shape)

    def judge(weights: Weights, position: Position, scale: jax.Array) -> tuple[Observation, jax.Array, jax.Array]:
        seen, rest = look(position, effort.leaf == "rules")
        answer = play(weights, seen)
        if effort.leaf == "network":
            rest = jnp.sum(jnp.where(seen.alive, jnp.expm1(answer.payments), 0.0), axis=1)
        return seen, answer.logits, -rest / scale

    def follow(
        context: tuple[Weights, jax.Array], key: jax.Array, action: jax.Array, position: Position
    ) -> tuple[mctx.RecurrentFnOutput, Position]:
        weights, scale = context
        after, price = move(position, action)
        _, logits, value = judge(weights, after, scale)
        over = ~jnp.any(after.board.alive, axis=1)
        return mctx.RecurrentFnOutput(
            reward=-price.astype(jnp.float32) / scale,
            discount=jnp.where(over, 0.0, 1.0),
            prior_logits=logits,
            value=jnp.where(over, 0.0, value),
        ), after

    @jax.jit
    def turn(weights: Weights, key: jax.Array, position: Position, scale: jax.Array, noise: jax.Array) -> Turn:
        seen, logits, value = judge(weights, position, scale)
        found = mctx.gumbel_muzero_policy(
            (weights, scale),
            key,
            mctx.RootFnOutput(prior_logits=logits, value=value, embedding=position),
            follow,
            effort.simulations,
            invalid_actions=~seen.alive,
            max_num_considered_actions=effort.considered,
            gumbel_scale=noise,
        )
        after, price = move(position, found.action)
        return Turn(seen, found.action_weights, after, price, jnp.any(seen.alive, axis=1))

    return turn
