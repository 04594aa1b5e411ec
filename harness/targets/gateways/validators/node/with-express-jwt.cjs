"use strict";
// express-jwt (jsonwebtoken), with keys by jwks-rsa: https://github.com/auth0/node-jwks-rsa/blob/master/examples/express-demo/README.md
const express = require("express");
const { expressjwt } = require("express-jwt");
const jwksRsa = require("jwks-rsa");
const { answer, listen, passOn, settings, tokenOf, tuned } = require("./resource.cjs");

const options = { jwksUri: settings.jwks_uri };
if (tuned) {
  Object.assign(options, {
    cacheMaxAge: tuned.jwks_cache_s * 1000,
    cacheMaxAgeFallback: tuned.jwks_stale_s * 1000,
    timeout: tuned.jwks_timeout_s * 1000,
    rateLimit: true,
    jwksRequestsPerMinute: 10,
  });
}
const secret = jwksRsa.expressJwtSecret(options);

const app = express();
for (const [name, service] of Object.entries(settings.services)) {
  app.use(
    `/${name}`,
    expressjwt({
      secret,
      getToken: tokenOf,
      audience: service.audience,
      issuer: settings.issuer,
      algorithms: ["RS256"],
      ...(tuned ? { clockTolerance: tuned.leeway_s } : {}),
    }),
    (request, response) => passOn(request, response, service),
  );
}
app.use((request, response) => answer(response, 404, "no such API"));
app.use((error, request, response, next) => {
  const text = `${error.code ?? error.name}: ${error.message}`;
  if (error.name === "UnauthorizedError") return answer(response, 401, text, 'Bearer error="invalid_token"');
  answer(response, 500, text);
});
listen(app);
