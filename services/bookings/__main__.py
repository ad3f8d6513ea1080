"""`python -m services.bookings api|worker|migrate|all|resync`."""

from services.bookings.app import service
from shared.service import main

if __name__ == "__main__":
    main(service)
