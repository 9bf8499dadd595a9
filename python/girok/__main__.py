"""python -m girok ARGUMENTS runs the program."""
from ._program import main

main()
