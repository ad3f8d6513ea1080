"""The whole of EduStream on one bare machine: `python3 -m deploy.local run`."""
