"""One module a figure. They are found by themselves."""
