"""SQL of the bookings service, and the rows it yields."""
