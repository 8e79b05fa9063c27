"""Pages for residents: report at a unit, follow a ticket, the public map. No account, no script needed."""
