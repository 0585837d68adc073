"""Figures and the report page, made from a run directory alone."""
