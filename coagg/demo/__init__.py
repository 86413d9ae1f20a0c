"""The main job on a made economy: run, findings, report."""
