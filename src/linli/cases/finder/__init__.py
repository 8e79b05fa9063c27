"""Where faces and number plates may be on a picture: runs as a process that ends, knows nobody and keeps nothing."""
