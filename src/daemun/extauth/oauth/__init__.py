"""OAuth 2 and OpenID Connect: logins of browsers, sessions, and tokens that requests bear."""
