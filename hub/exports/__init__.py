"""Readings, minutes and alerts over a time range as files, small counts suppressed (docs/exports.md)."""
