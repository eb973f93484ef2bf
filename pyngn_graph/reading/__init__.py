"""One reading for every graph: names, columns, counts, positions, and what is said of them.

Every door, from a table to NetworkX, makes a :class:`~pyngn_graph.reading.source.Source` of what
it was handed, and :func:`~pyngn_graph.reading.assembly.assembled` applies the same rules to all.
"""
