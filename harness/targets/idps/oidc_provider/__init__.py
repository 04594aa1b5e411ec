"""oidc-provider 9 for Node as the IdP: the package as it comes, hosted by a small program of ours."""

from idchaos.targets.idps.oidc_provider.adapter import OidcProvider

__all__ = ["OidcProvider"]
