"use strict";
// jose, with its own client for keys: https://github.com/panva/jose/blob/main/docs/jwks/remote/functions/createRemoteJWKSet.md
const { createRemoteJWKSet, errors, jwtVerify } = require("jose");
const { answer, listen, passOn, serviceOf, settings, tokenOf, tuned } = require("./resource.cjs");

const keys = createRemoteJWKSet(
  new URL(settings.jwks_uri),
  tuned
    ? {
        cacheMaxAge: tuned.jwks_cache_s * 1000,
        cooldownDuration: tuned.jwks_cooldown_s * 1000,
        timeoutDuration: Math.round(tuned.jwks_timeout_s * 1000),
      }
    : undefined,
);
const asked = tuned ? { typ: "at+jwt", algorithms: ["RS256"], requiredClaims: ["exp"], clockTolerance: tuned.leeway_s } : {};

// What jose says of keys that it could not get; its other errors are about the token.
const OUTAGES = new Set(["ERR_JWKS_TIMEOUT", "ERR_JWKS_INVALID", "ERR_JOSE_GENERIC"]);

listen(async (request, response) => {
  const token = tokenOf(request);
  if (!token) return answer(response, 401, "no bearer token", 'Bearer realm="api"');
  const service = serviceOf(request);
  if (!service) return answer(response, 404, "no such API");
  try {
    await jwtVerify(token, keys, { issuer: settings.issuer, audience: service.audience, ...asked });
  } catch (error) {
    if (!(error instanceof errors.JOSEError)) return answer(response, 500, `${error.name}: ${error.message}`);
    if (OUTAGES.has(error.code)) return answer(response, 503, `${error.code}: ${error.message}`);
    return answer(response, 401, `${error.code}: ${error.message}`, 'Bearer error="invalid_token"');
  }
  passOn(request, response, service);
});
