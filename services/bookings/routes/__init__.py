"""HTTP edge of the bookings service: parse, call, answer."""
