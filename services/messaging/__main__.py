"""`python -m services.messaging api|worker|migrate|all`."""

from services.messaging.app import service
from shared.service import main

if __name__ == "__main__":
    main(service)
