"""Reporting owns nothing that is not derived: the audit log, the dashboards' read models, and the integrity report.

Says: `reporting.audit.recorded` (private).
Hears: every service's `*.audit.recorded`, accounts, tutors, subjects, bookings, purchases, reviews.

It lives on events alone, as an outside subscriber would, and asks the others only to compare replicas with their owners."""
