"""Bookings owns lessons, free slots, packages and their credits, the ledger of money, and reviews.

Says: `bookings.booking.*`, `bookings.package.*`, `bookings.payment.recorded`, `bookings.review.received`,
`bookings.rating.changed`, `bookings.audit.recorded` (private).
Hears: `auth.user.*` (names, zones, deactivation, purge) and `profiles.tutor.*` (rate, approval, subjects, calendar)."""
