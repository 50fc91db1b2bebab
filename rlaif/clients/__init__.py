"""One file a wire format: a `Request` becomes a body, a provider's answer a `Reply`."""
