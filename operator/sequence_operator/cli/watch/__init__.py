"""`sequence watch`: what a deployment does this second, as a terminal view or line by line."""
