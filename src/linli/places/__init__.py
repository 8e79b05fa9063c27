"""Where things are: grids, compounds, buildings, units, QR codes, and `locate(point)`."""
