"""What the venues send, in their own words, turned into our events. Pure: text and times in, events and requests out.

The same parsers read a live connection and a recording of one, so a replay is what the edge would have seen.
"""
