"""Reading evaluation sets, a module for each form they come in. All of it runs in a child."""
