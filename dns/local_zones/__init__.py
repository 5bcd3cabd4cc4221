"""What is answered here and nowhere else: zone records of the school, private zones, DDR."""
