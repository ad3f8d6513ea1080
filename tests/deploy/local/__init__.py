"""Tests of the local launcher."""
