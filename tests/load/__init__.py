"""Benches: each prints what it measured, as ratios against a reference run beside it where absolute numbers say little."""
