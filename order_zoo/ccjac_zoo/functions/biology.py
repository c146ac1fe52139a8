"""Epidemics, populations and cells."""

from __future__ import annotations

from typing import Any

from ..registry import catalogued
from ..sampling import box

_DOMAIN = "biology"
_MURRAY = "J. D. Murray, Mathematical Biology I, 3rd ed. (2002), "


@catalogued(
    "SEIR",
    domain=_DOMAIN,
    source="R. M. Anderson, R. M. May, Infectious Diseases of Humans (1991), chapter 6; W. O. Kermack, A. G. "
    "McKendrick, Proc. R. Soc. London A 115 (1927) 700-721",
    sample=box((0.2, 0.9), (0.01, 0.2), (0.01, 0.2), (0.05, 0.5), (0.2, 1.0), (0.1, 0.5), (0.05, 0.3), (1e-4, 1e-2)),
)
def seir(
    xp: Any,
    susceptible: Any,
    exposed: Any,
    infectious: Any,
    removed: Any,
    contact: Any,
    onset: Any,
    recovery: Any,
    turnover: Any,
) -> Any:
    """Epidemic with a latent period, births and deaths, as a function of state and rates.

    Ṡ = μ(N − S) − βSI/N, Ė = βSI/N − (σ + μ)E, İ = σE − (γ + μ)I, Ṙ = γI − μR.

    Args:
        xp: Array namespace.
        susceptible: S; exposed, infectious, removed: E, I, R.
        contact: β (per day).
        onset: σ.
        recovery: γ.
        turnover: μ.

    Returns:
        Four rates.
    """
    total = susceptible + exposed + infectious + removed
    infection = contact * susceptible * infectious / total
    sick, well = onset * exposed, recovery * infectious
    return (
        turnover * (total - susceptible) - infection,
        infection - sick - turnover * exposed,
        sick - well - turnover * infectious,
        well - turnover * removed,
    )


@catalogued(
    "LotkaVolterra",
    domain=_DOMAIN,
    source="A. J. Lotka, Elements of Physical Biology (1925); V. Volterra, Nature 118 (1926) 558-560; "
    + _MURRAY
    + "section 3.1",
    sample=box((0.5, 3.0), (0.5, 3.0), (0.5, 1.5), (0.5, 1.5), (0.5, 1.5), (0.5, 1.5)),
)
def lotka_volterra(xp: Any, prey: Any, predator: Any, birth: Any, eaten: Any, growth: Any, death: Any) -> Any:
    """Prey and predator, ẋ = x (a − b y), ẏ = y (c x − d), as a function of state and parameters.

    Args:
        xp: Array namespace.
        prey: x.
        predator: y.
        birth: a; eaten, growth, death: b, c, d.
        eaten: b.
        growth: c.
        death: d.

    Returns:
        Two rates.
    """
    return prey * (birth - eaten * predator), predator * (growth * prey - death)


@catalogued(
    "FoodChain",
    domain=_DOMAIN,
    source="A. Hastings, T. Powell, Chaos in a three-species food chain, Ecology 72 (1991) 896-903",
    sample=box((0.3, 1.0), (0.1, 0.4), (7.0, 11.0)),
)
def food_chain(xp: Any, x: Any, y: Any, z: Any) -> Any:
    """Chain of three species with saturating predation.

    ẋ = x(1 − x) − 5xy/(1 + 3x), ẏ = 5xy/(1 + 3x) − 0.1yz/(1 + 2y) − 0.4y, ż = 0.1yz/(1 + 2y) − 0.01z.

    Args:
        xp: Array namespace.
        x: Resource; y: consumer; z: top predator.

    Returns:
        Three rates.
    """
    first, second = 5.0 * x * y / (1.0 + 3.0 * x), 0.1 * y * z / (1.0 + 2.0 * y)
    return x * (1.0 - x) - first, first - second - 0.4 * y, second - 0.01 * z


@catalogued(
    "Repressilator",
    domain=_DOMAIN,
    source="M. B. Elowitz, S. Leibler, A synthetic oscillatory network of transcriptional regulators, Nature 403 "
    "(2000) 335-338, box 1",
    sample=box(*[(0.5, 10.0)] * 6),
)
def repressilator(xp: Any, m1: Any, m2: Any, m3: Any, p1: Any, p2: Any, p3: Any) -> Any:
    """Ring of three genes, each of which represses the next.

    ṁ_i = −m_i + α/(1 + p_j^n) + α₀, ṗ_i = −β (p_i − m_i), with n = 2, α = 216, α₀ = 0.216, β = 0.2.

    Args:
        xp: Array namespace.
        m1: Messenger RNAs; m2, m3 likewise.
        p1: Proteins; p2, p3 likewise.

    Returns:
        Rates of the messengers, then of the proteins.
    """
    made = [216.0 / (1.0 + p * p) + 0.216 for p in (p3, p1, p2)]
    return (
        made[0] - m1,
        made[1] - m2,
        made[2] - m3,
        0.2 * (m1 - p1),
        0.2 * (m2 - p2),
        0.2 * (m3 - p3),
    )


@catalogued(
    "CircadianClock",
    domain=_DOMAIN,
    source="A. Goldbeter, A model for circadian oscillations in the Drosophila period protein (PER), Proc. R. Soc. "
    "London B 261 (1995) 319-324",
    sample=box(*[(0.2, 3.0)] * 5),
)
def circadian_clock(xp: Any, m: Any, p0: Any, p1: Any, p2: Any, nuclear: Any) -> Any:
    """Goldbeter's clock of the fruit fly: a protein that is phosphorylated twice and then represses its own gene.

    Ṁ = 0.76/(1 + P_N⁴) − 0.65 M/(0.5 + M), and Michaelis-Menten steps P₀ ⇌ P₁ ⇌ P₂ ⇌ P_N.

    Args:
        xp: Array namespace.
        m: Messenger RNA (µM).
        p0: Protein; p1, p2: phosphorylated once, twice.
        p1: See p0.
        p2: See p0.
        nuclear: Protein in the nucleus.

    Returns:
        Five rates (µM/h).
    """
    square = nuclear * nuclear
    forward_1, back_1 = 3.2 * p0 / (2.0 + p0), 1.58 * p1 / (2.0 + p1)
    forward_2, back_2 = 5.0 * p1 / (2.0 + p1), 2.5 * p2 / (2.0 + p2)
    enters, leaves = 1.9 * p2, 1.3 * nuclear
    return (
        0.76 / (1.0 + square * square) - 0.65 * m / (0.5 + m),
        0.38 * m - forward_1 + back_1,
        forward_1 - back_1 - forward_2 + back_2,
        forward_2 - back_2 - enters + leaves - 0.95 * p2 / (0.2 + p2),
        enters - leaves,
    )


@catalogued(
    "EnzymeKinetics",
    domain=_DOMAIN,
    source="L. Michaelis, M. L. Menten, Biochemische Zeitschrift 49 (1913) 333-369; " + _MURRAY + "section 6.1",
    sample=box((0.1, 2.0), (0.1, 2.0), (0.1, 2.0), (0.5, 2.0), (0.1, 1.0), (0.1, 1.0)),
)
def enzyme_kinetics(xp: Any, substrate: Any, enzyme: Any, bound: Any, on: Any, off: Any, turnover: Any) -> Any:
    """Mass-action rates of S + E ⇌ C → P + E, as a function of state and rate constants.

    Args:
        xp: Array namespace.
        substrate: S.
        enzyme: E.
        bound: C.
        on: Rate constant of binding.
        off: Of unbinding.
        turnover: Of the reaction.

    Returns:
        Rates of S, E, C and the product.
    """
    binding, release, made = on * substrate * enzyme, off * bound, turnover * bound
    net = release - binding
    return net, net + made, -net - made, made


@catalogued(
    "GlucoseMinimalModel",
    domain=_DOMAIN,
    source="R. N. Bergman, Y. Z. Ider, C. R. Bowden, C. Cobelli, American J. Physiology 236 (1979) E667-E677; insulin "
    "secretion of G. Toffolo, R. N. Bergman, D. T. Finegood, C. R. Bowden, C. Cobelli, Diabetes 29 (1980) 979-990",
    sample=box((90, 250), (0.0, 0.02), (10, 100), (0.0, 10.0)),
)
def glucose_minimal_model(xp: Any, glucose: Any, action: Any, insulin: Any, minute: Any) -> Any:
    """Bergman's minimal model of glucose and insulin after an injection.

    Ġ = −(p₁ + X) G + p₁ G_b, Ẋ = −p₂ X + p₃ (I − I_b), İ = −n (I − I_b) + γ (G − h)⁺ t.

    Args:
        xp: Array namespace.
        glucose: G (mg/dl).
        action: X (1/min).
        insulin: I (µU/ml).
        minute: Time since the injection (min).

    Returns:
        Three rates.
    """
    p1, p2, p3, n, gamma, threshold, g_b, i_b = 0.028, 0.025, 1.3e-5, 0.23, 0.0055, 80.0, 92.0, 7.3
    above = glucose - threshold
    excess = xp.where(above > 0.0, above, 0.0 * above)
    return (
        p1 * g_b - (p1 + action) * glucose,
        p3 * (insulin - i_b) - p2 * action,
        gamma * excess * minute - n * (insulin - i_b),
    )


@catalogued(
    "ViralDynamics",
    domain=_DOMAIN,
    source="A. S. Perelson, P. W. Nelson, Mathematical analysis of HIV-1 dynamics in vivo, SIAM Review 41 (1999) "
    "3-44, model with a logistic source",
    sample=box((200, 1000), (1, 100), (10, 1000)),
)
def viral_dynamics(xp: Any, target: Any, infected: Any, virus: Any) -> Any:
    """Target cells, infected cells and free virus.

    Ṫ = s − dT + pT(1 − T/T_max) − kVT, İ = kVT − δI, V̇ = NδI − cV.

    Args:
        xp: Array namespace.
        target: T (per mm³).
        infected: I.
        virus: V.

    Returns:
        Three rates (per day).
    """
    infection = 2.4e-5 * virus * target
    loss = 0.24 * infected
    return (
        10.0 - 0.02 * target + 0.03 * target * (1.0 - target / 1500.0) - infection,
        infection - loss,
        500.0 * loss - 2.4 * virus,
    )
