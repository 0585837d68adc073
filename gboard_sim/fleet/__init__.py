"""The fleet half: who, when, how long, how many bytes and joules. Never imports torch."""
