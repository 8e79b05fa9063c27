"""Reading hooks: readings that platforms of other vendors push, by mappings that are data."""
