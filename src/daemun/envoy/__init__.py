"""From the intermediate representation to Envoy's configuration, as cached bytes that know where they came from."""
