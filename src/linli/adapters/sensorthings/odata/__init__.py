"""The language of the addresses: paths, query options and expressions. Pure: text in, plain tuples out."""
