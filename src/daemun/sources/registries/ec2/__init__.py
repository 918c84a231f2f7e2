"""AWS EC2: machines by their tags. `query` asks AWS, `registry` is the plug-in."""
