"""HTTP edge of the profiles service: parse, call, answer."""

from services.profiles.routes import admin, availability, internal, own, photos, students, subjects, tutors, utils

# Literal paths come before /api/tutors/{tutor_id}.
routers = (
    own.router,
    photos.router,
    availability.router,
    tutors.router,
    students.router,
    subjects.router,
    admin.router,
    utils.router,
    internal.router,
)
