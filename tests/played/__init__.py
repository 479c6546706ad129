"""A GitHub whose runners the tests play, and the factory's programs as real processes in it."""
