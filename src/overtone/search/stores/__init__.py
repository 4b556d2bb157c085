"""Kinds of stores, one file each; :data:`overtone.search.stores` finds them all."""
