"""Fits of tables that memory does not hold: a first look, one pass in chunks, and what goes on from it later."""
