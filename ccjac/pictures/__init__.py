"""Graphs and their orders to look at: layers, SVG, DOT, matplotlib, pages of HTML.  Knows neither graphs nor plans."""
