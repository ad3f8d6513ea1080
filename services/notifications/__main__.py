"""`python -m services.notifications api|worker|migrate|all|resync`."""

from services.notifications.app import service
from shared.service import main

if __name__ == "__main__":
    main(service)
