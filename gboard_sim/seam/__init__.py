"""THE SEAM: the records that pass between the two halves, and what both are handed."""
