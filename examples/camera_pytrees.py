"""Bundle adjustment's inner Jacobian: named parameters in, named blocks out.

A camera with rotation, translation and focal length looks at points; the optimiser wants the derivative of the
projection by the camera and by the point.  Arguments are containers, ``argnums`` is a tuple, and the result nests as
``jax.jacrev``'s.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

import ccjac

Camera = dict[str, jax.Array]


def project(camera: Camera, point: jax.Array) -> jax.Array:
    """Pixel ``[2]`` at which a pinhole camera with radial distortion sees ``point[3]``; Rodrigues' rotation formula."""
    axis = camera["rotation"]
    angle = jnp.sqrt(axis @ axis)
    unit = axis / angle
    turned = (
        point * jnp.cos(angle)
        + jnp.cross(unit, point) * jnp.sin(angle)
        + unit * (unit @ point) * (1.0 - jnp.cos(angle))
    )
    x, y, z = turned + camera["translation"]
    u, v = -x / z, -y / z
    squared = u * u + v * v
    scale = camera["focal"] * (1.0 + camera["distortion"][0] * squared + camera["distortion"][1] * squared * squared)
    return jnp.stack([scale * u, scale * v])


def main() -> None:
    """Jacobians of many observations, checked against JAX."""
    jax.config.update("jax_enable_x64", True)
    observations = 200
    key = iter(jax.random.split(jax.random.key(0), 5))
    cameras: Camera = {
        "rotation": 0.3 + 0.1 * jax.random.normal(next(key), (observations, 3)),
        "translation": 0.1 * jax.random.normal(next(key), (observations, 3)),
        "focal": 500.0 + jax.random.normal(next(key), (observations,)),
        "distortion": 1e-2 * jax.random.normal(next(key), (observations, 2)),
    }
    points = jnp.array([0.0, 0.0, -5.0]) + jax.random.normal(next(key), (observations, 3))

    blocks = jax.jit(jax.vmap(ccjac.jacobian(project, argnums=(0, 1))))
    by_camera, by_point = blocks(cameras, points)
    print({name: block.shape for name, block in by_camera.items()}, by_point.shape)
    print(ccjac.plan(project, jax.tree.map(lambda leaf: leaf[0], cameras), points[0], argnums=(0, 1)))

    expected = jax.vmap(jax.jacrev(project, argnums=(0, 1)))(cameras, points)
    for ours, theirs in zip(jax.tree.leaves((by_camera, by_point)), jax.tree.leaves(expected), strict=True):
        assert jnp.allclose(ours, theirs, rtol=1e-9, atol=1e-9)


if __name__ == "__main__":
    main()
