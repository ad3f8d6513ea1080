"""How EduStream is put on machines: the local launcher, images and cluster descriptions."""
