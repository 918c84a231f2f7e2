"""What tests write and what they write it with: manifests, certificates, mistakes."""
