"""Writes the Upstreams that are made of what is discovered: into the cluster, or into a folder of files.

Translation's orders -> UpstreamWriter -> KubeUpstreams or FileUpstreams -> the source that reads them, as any others
"""
