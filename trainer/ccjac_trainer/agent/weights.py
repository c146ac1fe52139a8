"""Weights in files: safetensors with the network's shape and its card beside them; nothing is unpickled."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import jax
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from ccjac.errors import CcjacError

from .learner import fresh
from .network import Shape
from .rollout import Policy

FORMAT = "ccjac-agent-1"
SHIPPED = Path(__file__).parent / "pretrained"
_NAME = "messages.safetensors"


def save(path: Path, policy: Policy, card: dict[str, Any]) -> None:
    """Write weights and their card (what they were trained on, and what they reach)."""
    leaves = jax.tree_util.tree_leaves_with_path(policy.weights)
    tensors = {jax.tree_util.keystr(place): np.array(leaf, np.float32, order="C") for place, leaf in leaves}
    about = {"format": FORMAT, "shape": json.dumps(policy.shape.record()), "card": json.dumps(card)}
    part = path.with_suffix(".part")
    save_file(tensors, part, about)
    part.replace(path)


def load(path: Path) -> tuple[Policy, dict[str, Any]]:
    """Read weights and their card.

    Raises:
        CcjacError: The file is missing, damaged, or of another format.
    """
    try:
        with safe_open(path, "numpy") as file:
            about = file.metadata() or {}
            if about.get("format") != FORMAT:
                raise ValueError(f"its format is {about.get('format')!r}, not {FORMAT!r}")
            shape = Shape(**json.loads(about["shape"]))
            expected = jax.eval_shape(lambda: fresh(shape, 0))
            leaves = []
            for place, leaf in jax.tree_util.tree_leaves_with_path(expected):
                tensor = file.get_tensor(jax.tree_util.keystr(place))
                if tensor.shape != leaf.shape or not np.isfinite(tensor).all():
                    raise ValueError(f"the tensor {jax.tree_util.keystr(place)} is not finite {leaf.shape}")
                leaves.append(tensor)
            weights = jax.tree_util.tree_unflatten(jax.tree_util.tree_structure(expected), leaves)
            return Policy(shape, weights), json.loads(about.get("card", "{}"))
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise CcjacError(
            f"{path} holds no weights of the agent ({error}); train them with `ccjac-train pretrain`."
        ) from error


@cache
def shipped() -> Policy:
    """The pretrained policy of the package, loaded once per process.

    Raises:
        CcjacError: See :func:`load`.
    """
    return load(SHIPPED / _NAME)[0]
