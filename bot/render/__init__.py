"""
Report → something to look at. Pure functions: no I/O, no clock, no settings.

One module per surface; a new kind of section is drawn in each of them. Limits of a surface are kept here by
construction, whatever the size of the report.
"""
