"""How well a network does on labelled images: the numbers, their pictures, and the report as a page."""
