"""Restoration of one picture or of a folder, by anything that restores."""
