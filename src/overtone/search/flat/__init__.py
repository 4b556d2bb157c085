"""The files of a flat store: manifests, immutable segments, the writer's lock, and the scan."""
