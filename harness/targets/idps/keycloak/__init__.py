"""Keycloak 26 as the IdP: its distribution, as it comes, filled and steered by its admin API."""

from idchaos.targets.idps.keycloak.adapter import Keycloak

__all__ = ["Keycloak"]
