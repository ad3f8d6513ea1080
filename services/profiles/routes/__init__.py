"""HTTP edge of the profiles service: parse, call, answer."""

from services.profiles.routes import admin, availability, internal, own, subjects, tutors

# Literal paths come before /api/tutors/{tutor_id}.
routers = (own.router, availability.router, tutors.router, subjects.router, admin.router, internal.router)
