"""An experiment made concrete: its phones, its model, and what passes between them."""
