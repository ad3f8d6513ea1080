"""Profiles owns subjects, tutor profiles, their calendars and approval, student profiles, favourites and reference lists.

Says: `profiles.tutor.*`, `profiles.subject.changed`, `profiles.audit.recorded` (private).
Hears: accounts (names, pictures, roles, deletions), bookings (lessons taught, answers), ratings, presence."""
