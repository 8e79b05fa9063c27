"""Webhooks: news of the district posted to addresses of integrators, signed, sent again until it arrives."""
