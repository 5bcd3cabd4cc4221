"""The stages of the pipeline, one a file. Their order, and the reason for it, stands in `dns.pipeline.stages`."""
