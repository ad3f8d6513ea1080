"""Programs of an imagined outside team: they know EduStream's events and nothing else of it."""
