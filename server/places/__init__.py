"""Where things are: communities, estates, buildings, grids."""
