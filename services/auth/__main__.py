"""`python -m services.auth api|worker|all|migrate|rotate-key|replace-key|resync`."""

from services.auth.app import service
from shared.service import main

if __name__ == "__main__":
    main(service)
