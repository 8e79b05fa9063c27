"""Kernel: what every room needs and no room owns. Imports nothing of Linli but `linli.home`."""
