"""Work: tasks of teams, duty, and positions while on duty."""
