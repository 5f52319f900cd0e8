"""The Common Alerting Protocol 1.2 (OASIS): what may leave the hub about an alert, and the life of what has left.

`facts` says what of an alert may leave at all; `life` when something new is to be said; `build`, `write` and `check`
make a message and hold it against the standard; `desk` keeps it; `feed` lists it for partners.
"""
