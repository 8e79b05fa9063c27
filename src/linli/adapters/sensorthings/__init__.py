"""OGC SensorThings API 1.1, part 1: sensing, over the devices and readings of the district."""
