"""Kinds of stores, one file each; the registry :data:`overtone.search.stores` finds them all."""
