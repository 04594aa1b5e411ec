"use strict";
// The pages that oidc-provider leaves to whoever hosts it: who are you, and may this client have it?
const { createHash, timingSafeEqual } = require("node:crypto");

const PATH = /^\/interaction\/([\w-]+)$/;
const MOST_BYTES = 16 * 1024;

/** Text as it may stand in a page. */
function plain(text) {
  return String(text).replace(/[&<>"']/g, (each) => `&#${each.charCodeAt(0)};`);
}

/** A page. `inner` is HTML. */
function page(title, inner) {
  return `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>${title}</title></head><body><h1>${title}</h1>${inner}</body></html>`;
}

function login(uid, wrong) {
  const told = wrong ? "<p>Name or password is wrong.</p>" : "";
  return page(
    "Log in",
    `${told}<form method="post" action="/interaction/${uid}"><input name="username"><input type="password" name="password"><button>Log in</button></form>`,
  );
}

function consent(uid, client) {
  return page(
    `May ${plain(client)} have what it asks for?`,
    `<form method="post" action="/interaction/${uid}"><button name="consent" value="yes">Allow</button><button name="consent" value="no">Deny</button></form>`,
  );
}

function same(one, other) {
  const hash = (text) => createHash("sha256").update(text).digest();
  return timingSafeEqual(hash(one), hash(other));
}

async function form(request) {
  let text = "";
  for await (const chunk of request) {
    text += chunk;
    if (text.length > MOST_BYTES) break;
  }
  return new URLSearchParams(text);
}

/** Koa middleware for the pages of one provider. An interaction is known by its own cookie. */
function interaction(provider, users) {
  return async function pages(ctx, next) {
    const uid = PATH.exec(ctx.path)?.[1];
    if (!uid || !["GET", "POST"].includes(ctx.method)) return next();
    ctx.set("Cache-Control", "no-store");
    let details;
    try {
      details = await provider.interactionDetails(ctx.req, ctx.res);
    } catch (error) {
      if (error.name !== "SessionNotFound") throw error;
    }
    ctx.type = "html";
    if (details?.uid !== uid) {
      ctx.status = 400;
      ctx.body = page("That login is over", "");
      return;
    }
    const asked = details.prompt.name;
    const shown = (wrong) => (asked === "login" ? login(uid, wrong) : consent(uid, details.params.client_id));
    if (ctx.method === "GET") {
      ctx.body = shown(false);
      return;
    }
    const given = await form(ctx.req);
    const result = asked === "login" ? loggedIn(given, users) : await allowed(provider, details, given);
    if (result === undefined) {
      ctx.status = 401;
      ctx.body = shown(true);
      return;
    }
    ctx.redirect(await provider.interactionResult(ctx.req, ctx.res, result, { mergeWithLastSubmission: asked !== "login" }));
    ctx.status = 303;
  };
}

/** Who has shown their password; undefined: nobody. */
function loggedIn(given, users) {
  const user = users.get(given.get("username") ?? "");
  const right = same(given.get("password") ?? "", user?.password ?? "");
  return user && right ? { login: { accountId: user.username } } : undefined;
}

async function allowed(provider, details, given) {
  if (given.get("consent") !== "yes") return { error: "access_denied", error_description: "the user has refused" };
  const { grantId, params, session, prompt } = details;
  const grant = grantId
    ? await provider.Grant.find(grantId)
    : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  const { missingOIDCScope, missingOIDCClaims, missingResourceScopes } = prompt.details;
  if (missingOIDCScope) grant.addOIDCScope(missingOIDCScope.join(" "));
  if (missingOIDCClaims) grant.addOIDCClaims(missingOIDCClaims);
  for (const [resource, scopes] of Object.entries(missingResourceScopes ?? {})) grant.addResourceScope(resource, scopes.join(" "));
  return { consent: { grantId: await grant.save() } };
}

module.exports = { interaction, page };
