"""`python -m services.reporting api|worker|migrate|all|rebuild`."""

from services.reporting.app import service
from shared.service import main

if __name__ == "__main__":
    main(service)
