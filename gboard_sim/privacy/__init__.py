"""What is claimed about privacy: mechanisms, calibration, accountant, claim and ledger."""
