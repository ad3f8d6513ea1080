"""The profiles service's database."""

from services.profiles.tables import calendar, replicas, search, students, tutors
from services.profiles.tables.columns import metadata

__all__ = ["calendar", "metadata", "replicas", "search", "students", "tutors"]
