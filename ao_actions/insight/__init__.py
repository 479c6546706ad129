"""What people see: where each task stands, and why."""
