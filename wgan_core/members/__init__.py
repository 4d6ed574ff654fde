"""Many trainings as one job: stacked in one program, in worker processes."""
