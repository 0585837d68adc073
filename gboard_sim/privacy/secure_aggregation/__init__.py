"""Sums that nobody sees the parts of: what they cost, and the protocol itself for small cohorts.

K. Bonawitz et al., "Practical Secure Aggregation for Privacy-Preserving Machine Learning", CCS
2017, against a server that is curious but keeps to the protocol. In four rounds the phones that
were selected

1. advertise two public keys each,
2. share, among all of them, the secret behind one key and the seed of a mask of their own, so that
   `threshold` of them can recover either,
3. send their numbers, masked by their own mask and by one for each other phone, which cancel,
4. tell the shares from which the server removes what does not cancel: own masks of phones that
   sent their numbers, pairwise masks of those that did not.
"""
