"""Forms: a config as inputs."""
