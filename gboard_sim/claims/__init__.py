"""What an experiment promises about privacy, and what a run's log shows of it."""
