"""The learning half: what the phones learn. Never imports simpy."""
