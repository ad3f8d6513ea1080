"""Statements on a table of messaging's, which any row may stand in."""

from typing import Final

WRITE: Final = "INSERT INTO doomed_files (object_name, due_at) VALUES (%(name)s, now())"
COUNT: Final = "SELECT count(*) FROM doomed_files"
