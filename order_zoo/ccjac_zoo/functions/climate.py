"""Weather and climate in a nutshell, vegetation and plankton."""

from __future__ import annotations

from typing import Any

from ..registry import catalogued
from ..sampling import box

_DOMAIN = "climate"
_BOLTZMANN = 5.670374419e-8
"""Stefan-Boltzmann constant (W/m²/K⁴)."""


@catalogued(
    "Lorenz63",
    domain=_DOMAIN,
    source="E. N. Lorenz, Deterministic nonperiodic flow, J. Atmospheric Sciences 20 (1963) 130-141, eqs. 25 to 27",
    sample=box((-15, 15), (-20, 20), (5, 40)),
)
def lorenz_63(xp: Any, x: Any, y: Any, z: Any) -> Any:
    """Lorenz's convection model, ẋ = 10 (y − x), ẏ = x (28 − z) − y, ż = xy − (8/3) z.

    Args:
        xp: Array namespace.
        x: Intensity of the convection.
        y: Horizontal temperature difference.
        z: Distortion of the vertical profile.

    Returns:
        Three rates.
    """
    return 10.0 * (y - x), x * (28.0 - z) - y, x * y - (8.0 / 3.0) * z


@catalogued(
    "Lorenz84",
    domain=_DOMAIN,
    source="E. N. Lorenz, Irregularity: a fundamental property of the atmosphere, Tellus 36A (1984) 98-110, eqs. 1 to "
    "3",
    sample=box((0, 2), (-2, 2), (-2, 2)),
)
def lorenz_84(xp: Any, x: Any, y: Any, z: Any) -> Any:
    """Lorenz's general circulation, ẋ = −y² − z² − ax + aF, ẏ = xy − bxz − y + G, ż = bxy + xz − z.

    Args:
        xp: Array namespace.
        x: Westerly current.
        y: Cosine phase of the eddies; z: sine phase.

    Returns:
        Three rates.
    """
    return (
        0.25 * (8.0 - x) - y * y - z * z,
        x * y - 4.0 * x * z - y + 1.0,
        4.0 * x * y + x * z - z,
    )


@catalogued(
    "Lorenz96",
    domain=_DOMAIN,
    source="E. N. Lorenz, Predictability: a problem partly solved, ECMWF Seminar on Predictability 1 (1996) 1-18, eq. "
    "1",
    sample=box((-4, 9, (8,))),
)
def lorenz_96(xp: Any, x: Any) -> Any:
    """Lorenz's ring of eight sites, ẋ_i = (x_{i+1} − x_{i−2}) x_{i−1} − x_i + 8.

    Args:
        xp: Array namespace.
        x: State ``[8]``.

    Returns:
        Rates ``[8]``.
    """
    after = xp.concatenate([x[1:], x[:1]])
    before = xp.concatenate([x[-1:], x[:-1]])
    second = xp.concatenate([x[-2:], x[:-2]])
    return (after - second) * before - x + 8.0


@catalogued(
    "Daisyworld",
    domain=_DOMAIN,
    source="A. J. Watson, J. E. Lovelock, Biological homeostasis of the global environment: the parable of "
    "Daisyworld, Tellus 35B (1983) 284-289",
    sample=box((0.1, 0.4), (0.1, 0.4), (0.9, 1.1)),
)
def daisyworld(xp: Any, white: Any, black: Any, luminosity: Any) -> Any:
    """Areas of white and black daisies that keep their planet temperate.

    A = 0.5x + 0.75w + 0.25b, σT⁴ = 917 L (1 − A), T_k⁴ = q(A − A_k) + T⁴, growth 1 − 0.003265 (295.65 − T_k)², ȧ_k =
    a_k (x β_k − 0.3).

    Args:
        xp: Array namespace.
        white: Area w.
        black: Area b.
        luminosity: L of the star.

    Returns:
        Rates of both areas, and the planet's temperature (K).
    """
    bare = 1.0 - white - black
    albedo = 0.5 * bare + 0.75 * white + 0.25 * black
    fourth = 917.0 / _BOLTZMANN * luminosity * (1.0 - albedo)

    def rate(area: Any, own: float) -> Any:
        local = xp.sqrt(xp.sqrt(2.06e9 * (albedo - own) + fourth))
        gap = 295.65 - local
        return area * (bare * (1.0 - 0.003265 * gap * gap) - 0.3)

    return rate(white, 0.75), rate(black, 0.25), xp.sqrt(xp.sqrt(fourth))


@catalogued(
    "StommelBoxes",
    domain=_DOMAIN,
    source="H. Stommel, Thermohaline convection with two stable regimes of flow, Tellus 13 (1961) 224-230; form of H. "
    "Dijkstra, Nonlinear Physical Oceanography, 2nd ed. (2005), chapter 3",
    sample=box((0.2, 2.5), (0.2, 2.0), (2.0, 4.0), (0.5, 1.5)),
)
def stommel_boxes(xp: Any, temp: Any, salt: Any, heat_forcing: Any, salt_forcing: Any) -> Any:
    """Temperature and salinity difference of two ocean boxes, Ṫ = η₁ − T (1 + |T − S|), Ṡ = η₂ − S (0.3 + |T − S|).

    Args:
        xp: Array namespace.
        temp: T.
        salt: S.
        heat_forcing: η₁.
        salt_forcing: η₂.

    Returns:
        Two rates, and the overturning T − S.
    """
    flow = temp - salt
    speed = abs(flow)
    return heat_forcing - temp * (1.0 + speed), salt_forcing - salt * (0.3 + speed), flow


@catalogued(
    "EnergyBalance",
    domain=_DOMAIN,
    source="M. I. Budyko, Tellus 21 (1969) 611-619; W. D. Sellers, J. Applied Meteorology 8 (1969) 392-400; CO2 "
    "forcing of G. Myhre, E. J. Highwood, K. P. Shine, F. Stordal, Geophysical Research Letters 25 (1998) 2715-2718",
    sample=box((240, 300), (1300, 1400), (250, 800)),
)
def energy_balance(xp: Any, temp: Any, sun: Any, carbon: Any) -> Any:
    """Energy balance of the globe with ice-albedo feedback and carbon dioxide.

    C Ṫ = ¼ S (1 − α(T)) − ε σ T⁴ + 5.35 ln(CO₂/280), α = 0.5 − 0.2 tanh((T − 265)/10).

    Args:
        xp: Array namespace.
        temp: Mean surface temperature (K).
        sun: Solar constant (W/m²).
        carbon: CO₂ (ppm).

    Returns:
        Net flux (W/m²) and albedo.
    """
    albedo = 0.5 - 0.2 * xp.tanh((temp - 265.0) / 10.0)
    square = temp * temp
    gain = 0.25 * sun * (1.0 - albedo) + 5.35 * xp.log(carbon / 280.0)
    return gain - 0.61 * _BOLTZMANN * square * square, albedo


@catalogued(
    "PenmanMonteith",
    domain=_DOMAIN,
    source="R. G. Allen, L. S. Pereira, D. Raes, M. Smith, Crop Evapotranspiration, FAO Irrigation and Drainage Paper "
    "56 (1998), eqs. 6, 8, 11 and 13",
    sample=box((5.0, 35.0), (5.0, 20.0), (0.5, 5.0), (0.3, 0.8), (80.0, 101.3)),
)
def penman_monteith(xp: Any, temp: Any, radiation: Any, wind: Any, humidity: Any, pressure: Any) -> Any:
    """Reference evapotranspiration of the FAO.

    ET₀ = (0.408 Δ R_n + γ 900/(T + 273) u₂ (e_s − e_a))/(Δ + γ (1 + 0.34 u₂)), e_s = 0.6108 exp(17.27 T/(T + 237.3)),
    Δ = 4098 e_s/(T + 237.3)², γ = 0.665·10⁻³ p.

    Args:
        xp: Array namespace.
        temp: Air temperature (°C).
        radiation: Net radiation (MJ/m²/day).
        wind: Wind speed at 2 m (m/s).
        humidity: Relative humidity, 0 to 1.
        pressure: Air pressure (kPa).

    Returns:
        ET₀ (mm/day).
    """
    shifted = temp + 237.3
    saturation = 0.6108 * xp.exp(17.27 * temp / shifted)
    slope = 4098.0 * saturation / (shifted * shifted)
    gamma = 0.665e-3 * pressure
    dryness = saturation * (1.0 - humidity)
    gain = 0.408 * slope * radiation + gamma * 900.0 / (temp + 273.0) * wind * dryness
    return gain / (slope + gamma * (1.0 + 0.34 * wind))


@catalogued(
    "Photosynthesis",
    domain=_DOMAIN,
    source="G. D. Farquhar, S. von Caemmerer, J. A. Berry, Planta 149 (1980) 78-90; temperature responses of C. J. "
    "Bernacchi et al., Plant, Cell & Environment 24 (2001) 253-259, table 1",
    sample=box((100, 500), (100, 1500), (15, 35), (40, 100), (80, 180)),
)
def photosynthesis(xp: Any, carbon: Any, light: Any, temp: Any, carboxylation: Any, transport: Any) -> Any:
    """Net assimilation of a leaf, the smaller of what the enzyme and what the light allows.

    A_c = V (C − Γ)/(C + K_c (1 + O/K_o)), A_j = J (C − Γ)/(4.5 C + 10.5 Γ), 0.7J² − (aQ + J_max)J + aQ J_max = 0.

    Args:
        xp: Array namespace.
        carbon: CO₂ in the leaf (µmol/mol).
        light: Absorbed light Q (µmol/m²/s).
        temp: Leaf temperature (°C).
        carboxylation: V at 25 °C (µmol/m²/s).
        transport: J_max (µmol/m²/s).

    Returns:
        Net assimilation and respiration (µmol/m²/s).
    """
    inverse = 1.0 / (0.008314 * (temp + 273.15))
    compensation = xp.exp(19.02 - 37.83 * inverse)
    k_c, k_o = xp.exp(38.05 - 79.43 * inverse), xp.exp(20.30 - 36.38 * inverse)
    capacity = carboxylation * xp.exp(26.35 - 65.33 * inverse)
    respiration = 0.015 * carboxylation * xp.exp(18.72 - 46.39 * inverse)
    gap = carbon - compensation
    enzyme = capacity * gap / (carbon + k_c * (1.0 + 210.0 / k_o))
    absorbed = 0.425 * light
    both = absorbed + transport
    electrons = (both - xp.sqrt(both * both - 2.8 * absorbed * transport)) / 1.4
    lit = electrons * gap / (4.5 * carbon + 10.5 * compensation)
    return xp.minimum(enzyme, lit) - respiration, respiration


@catalogued(
    "PlanktonNPZ",
    domain=_DOMAIN,
    source="P. J. S. Franks, J. S. Wroblewski, G. R. Flierl, Marine Biology 91 (1986) 121-129",
    sample=box((0.2, 5.0), (0.1, 2.0), (0.1, 2.0)),
)
def plankton_npz(xp: Any, nutrient: Any, plant: Any, animal: Any) -> Any:
    """Nutrient, phytoplankton and zooplankton in the sea's upper layer; their sum is conserved.

    Uptake 2 N P/(1 + N), grazing 1.5 (1 − e^(−P)) Z of which 0.3 is lost, mortalities 0.1 P and 0.2 Z.

    Args:
        xp: Array namespace.
        nutrient: N (µmol/l of nitrogen).
        plant: P.
        animal: Z.

    Returns:
        Three rates (per day).
    """
    uptake = 2.0 * nutrient * plant / (1.0 + nutrient)
    grazing = 1.5 * (1.0 - xp.exp(-plant)) * animal
    plant_loss, animal_loss = 0.1 * plant, 0.2 * animal
    return (
        plant_loss + animal_loss + 0.3 * grazing - uptake,
        uptake - plant_loss - grazing,
        0.7 * grazing - animal_loss,
    )
