"""`python -m services.profiles api|worker|migrate|all|resync`."""

from services.profiles.app import service
from shared.service import main

if __name__ == "__main__":
    main(service)
