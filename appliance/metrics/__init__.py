"""Figures for whoever watches the machines: Prometheus' text format, served to named networks alone."""
