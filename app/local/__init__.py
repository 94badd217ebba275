"""How does everything run on one machine, from one command?"""
