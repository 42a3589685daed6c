"""Figures and HTML pages of a study's report."""
