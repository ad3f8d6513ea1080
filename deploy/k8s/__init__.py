"""EduStream on Kubernetes: manifests written from one table (`python -m deploy.k8s`), and committed."""
