"""Steps of spiking networks, populations and synapses."""

from __future__ import annotations

from typing import Any

from ..namespace import sigmoid
from ..registry import catalogued
from ..sampling import box

_DOMAIN = "neuroscience"
_GERSTNER = "W. Gerstner, W. M. Kistler, R. Naud, L. Paninski, Neuronal Dynamics (2014), "


@catalogued(
    "LIFStep",
    domain=_DOMAIN,
    source="E. O. Neftci, H. Mostafa, F. Zenke, Surrogate gradient learning in spiking neural networks, IEEE Signal "
    "Processing Magazine 36 (2019) 51-63; " + _GERSTNER + "section 1.3",
    sample=box((-0.5, 1.5), (-0.5, 1.0), (0.0, 1.0), (-1.0, 1.0), (0.85, 0.99), (0.7, 0.95)),
)
def lif_step(xp: Any, v: Any, synapse: Any, spike: Any, weighted: Any, leak: Any, decay: Any) -> Any:
    """One step of a leaky integrate-and-fire neuron with current synapses and a smooth spike.

    I' = α I + x, V' = β V (1 − s) + (1 − β) I', s' = σ(10 (V' − 1)); the sigmoid stands in for the step, as surrogate
    gradients do.

    Args:
        xp: Array namespace.
        v: Membrane potential.
        synapse: Synaptic current I.
        spike: Spike s of the step before, which resets.
        weighted: Weighted input x.
        leak: β.
        decay: α.

    Returns:
        V', I' and s'.
    """
    synapse_next = decay * synapse + weighted
    v_next = leak * v * (1.0 - spike) + (1.0 - leak) * synapse_next
    return v_next, synapse_next, sigmoid(xp, 10.0 * (v_next - 1.0))


@catalogued(
    "ALIFNetworkStep",
    domain=_DOMAIN,
    source="G. Bellec, D. Salaj, A. Subramoney, R. Legenstein, W. Maass, Long short-term memory and learning-to-learn "
    "in networks of spiking neurons, NeurIPS (2018), arXiv 1803.09574; surrogate of F. Zenke, S. Ganguli, Neural "
    "Computation 30 (2018) 1514-1541",
    sample=box((-1, 1, (4,)), (0, 1, (4,)), (0, 1, (4,)), (0, 1, (3,)), (-1, 1, (4, 3)), (-1, 1, (4, 4))),
)
def alif_network_step(xp: Any, v: Any, adaptation: Any, spikes: Any, inputs: Any, w_in: Any, w_rec: Any) -> Any:
    """One step of a recurrent layer of four adaptive integrate-and-fire neurons, smooth spikes.

    V' = 0.9 V + W_in x + W_rec s − s θ, θ = 1 + 0.2 a, a' = 0.97 a + s, s' = ½ (1 + u/(1 + |u|)) with u = 5 (V' − θ').

    Args:
        xp: Array namespace.
        v: Membrane potentials ``[4]``.
        adaptation: Threshold adaptations a ``[4]``.
        spikes: Spikes s of the step before ``[4]``.
        inputs: Input spikes x ``[3]``.
        w_in: Input weights ``[4, 3]``.
        w_rec: Recurrent weights ``[4, 4]``.

    Returns:
        V', a' and s', each ``[4]``.
    """
    v_next = 0.9 * v + w_in @ inputs + w_rec @ spikes - spikes * (1.0 + 0.2 * adaptation)
    a_next = 0.97 * adaptation + spikes
    u = 5.0 * (v_next - 1.0 - 0.2 * a_next)
    return v_next, a_next, 0.5 + 0.5 * u / (1.0 + abs(u))


@catalogued(
    "WilsonCowan",
    domain=_DOMAIN,
    source="H. R. Wilson, J. D. Cowan, Excitatory and inhibitory interactions in localized populations of model "
    "neurons, Biophysical Journal 12 (1972) 1-24, eqs. 11 and 12",
    sample=box((0.0, 0.4), (0.0, 0.4), (0.0, 2.0), (0.0, 1.0)),
)
def wilson_cowan(xp: Any, e: Any, i: Any, drive_e: Any, drive_i: Any) -> Any:
    """Excitatory and inhibitory population.

    Ė = −E + (1 − E) S_e(16E − 12I + P), İ = −I + (1 − I) S_i(15E − 3I + Q), S(x) = 1/(1 + e^(−a(x−θ))) − 1/(1 +
    e^(aθ)).

    Args:
        xp: Array namespace.
        e: Active fraction of the excitatory cells.
        i: Active fraction of the inhibitory cells.
        drive_e: Input P.
        drive_i: Input Q.

    Returns:
        Two rates (per time constant).
    """
    rest_e, rest_i = 1.0 / (1.0 + 2.718281828459045**5.2), 1.0 / (1.0 + 2.718281828459045**7.4)
    s_e = sigmoid(xp, 1.3 * (16.0 * e - 12.0 * i + drive_e - 4.0)) - rest_e
    s_i = sigmoid(xp, 2.0 * (15.0 * e - 3.0 * i + drive_i - 3.7)) - rest_i
    return (1.0 - e) * s_e - e, (1.0 - i) * s_i - i


@catalogued(
    "TsodyksMarkram",
    domain=_DOMAIN,
    source="M. Tsodyks, K. Pawelzik, H. Markram, Neural networks with dynamic synapses, Neural Computation 10 (1998) "
    "821-835",
    sample=box((0.1, 0.9), (0.2, 0.9), (-1.0, 3.0)),
)
def tsodyks_markram(xp: Any, u: Any, x: Any, potential: Any) -> Any:
    """Mean-field synapse with short-term facilitation and depression, and the rate that it drives.

    u̇ = (U − u)/τ_f + U (1 − u) r, ẋ = (1 − x)/τ_d − u x r, τ ḣ = −h + J u x r + I, r = 5 ln(1 + e^h).

    Args:
        xp: Array namespace.
        u: Release probability.
        x: Available fraction of transmitter.
        potential: Input current h of the population.

    Returns:
        Three rates (1/s).
    """
    rate = 5.0 * xp.log1p(xp.exp(potential))
    release = u * x * rate
    return (
        (0.3 - u) / 1.5 + 0.3 * (1.0 - u) * rate,
        (1.0 - x) / 0.2 - release,
        (3.5 * release - potential - 0.5) / 0.013,
    )
