"use strict";
// oidc-provider as a run asks for it: its clients, users, keys and lifetimes, and what its documentation wants decided.
const { Provider, errors } = require("oidc-provider");

const { interaction, page } = require("./pages.cjs");

/** All APIs of the run together: whoever names no other resource (RFC 8707) gets a token for these. */
const APIS = "urn:idchaos:apis";
const CLAIMS = { openid: ["sub"], profile: ["name", "preferred_username"], email: ["email", "email_verified"] };
const OF_USERS = ["openid", "profile", "email"];

/** What serves the requests of clients and browsers. `kept` outlives it: an adapter and the keys of cookies. */
exports.built = function built(told, kept) {
  const users = new Map(told.users.map((user) => [user.username, user]));
  const scopes = new Map(Object.entries(told.api_scopes));
  const { access_ttl_s, code_ttl_s, refresh_ttl_s, session_max_s } = told.tokens;

  const provider = new Provider(told.issuer, {
    adapter: kept.adapter,
    clients: told.clients,
    jwks: told.jwks,
    scopes: OF_USERS,
    claims: CLAIMS,
    clientDefaults: { id_token_signed_response_alg: told.alg },
    cookies: { keys: kept.cookieKeys },
    clockTolerance: told.leeway_s,
    // A public client alone is asked for it otherwise (RFC 9700 section 2.1.1).
    pkce: { required: () => true },
    responseTypes: ["code"],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: {
        enabled: true,
        allowedPolicy: (ctx, client, token) => client.clientId === told.introspecting || client.clientId === token.clientId,
      },
      revocation: { enabled: true },
      registration: { enabled: true, initialAccessToken: told.initial_access_token },
      registrationManagement: { enabled: true },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: (ctx, form) => {
          ctx.body = page("Log out?", form.replace("</form>", '<button name="logout" value="yes">Yes</button></form>'));
        },
        postLogoutSuccessSource: (ctx) => {
          ctx.body = page("Logged out", "");
        },
      },
      // It answers none but tokens that are for no API, and here is no such token of a user.
      userinfo: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: (ctx, client) => (scopes.has(client.clientId) ? APIS : undefined),
        useGrantedResource: () => true,
        getResourceServerInfo(ctx, resource, client) {
          const scope = scopes.get(client.clientId);
          if (resource !== APIS || scope === undefined) throw new errors.InvalidTarget();
          return { scope, accessTokenTTL: access_ttl_s, accessTokenFormat: "jwt", jwt: { sign: { alg: told.alg } } };
        },
      },
    },
    formats: {
      customizers: {
        jwt(ctx, token, { payload }) {
          if (payload.aud === APIS) payload.aud = told.audiences;
        },
      },
    },
    ttl: {
      AccessToken: access_ttl_s,
      AuthorizationCode: code_ttl_s,
      ClientCredentials: access_ttl_s,
      Grant: session_max_s,
      IdToken: access_ttl_s,
      Interaction: 600,
      RefreshToken: refresh_ttl_s,
      Session: session_max_s,
    },
    issueRefreshToken: (ctx, client) => client.grantTypeAllowed("refresh_token"),
    rotateRefreshToken: true,
    findAccount: (ctx, sub) => (users.has(sub) ? account(sub) : undefined),
    loadExistingGrant: (ctx) => grantOf(ctx, scopes),
    clientBasedCORS: (ctx, origin, client) => client.redirectUris.some((uri) => URL.parse(uri)?.origin === origin),
    renderError(ctx, out) {
      ctx.type = "html";
      ctx.body = page("That did not work", out.error);
    },
  });

  provider.on("server_error", (ctx, error) => console.error(`${ctx.method} ${ctx.path}: ${error.stack}`));
  provider.use(async (ctx, next) => {
    await next();
    if (ctx.response.is("html")) ctx.set("Content-Security-Policy", "frame-ancestors 'none'");
  });
  provider.use(interaction(provider, users));
  return provider.callback();
};

function account(sub) {
  const claims = { sub, name: sub, preferred_username: sub, email: `${sub}@example.test`, email_verified: true };
  return { accountId: sub, claims: () => claims };
}

/** What a user has allowed a client: nobody is asked about a client of the run's own, and it may do what it is for. */
async function grantOf(ctx, scopes) {
  const { client, provider, result, session } = ctx.oidc;
  const found = result?.consent?.grantId ?? session.grantIdFor(client.clientId);
  const grant = found && (await provider.Grant.find(found));
  if (grant || !scopes.has(client.clientId)) return grant || undefined;
  const made = new provider.Grant({ accountId: session.accountId, clientId: client.clientId });
  made.addOIDCScope(OF_USERS.join(" "));
  made.addResourceScope(APIS, scopes.get(client.clientId));
  await made.save();
  return made;
}
