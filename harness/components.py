"""The names of the stand-in system's parts."""

from __future__ import annotations

IDP = "idp"
GATEWAYS = ("gateway-1", "gateway-2")
SERVICES = ("orders", "accounts")
STAND_INS = (IDP, *GATEWAYS, *SERVICES)
