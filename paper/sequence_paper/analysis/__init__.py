"""What trading cost, and why: formulas with their text, and what is made of many orders. Pure: no I/O, no clock.

Every value of an order or a fill is computed exactly (integers and fractions) and becomes a float where many are made
into one figure. What cannot be computed is a `Gap` with its reason, never a zero.
"""
