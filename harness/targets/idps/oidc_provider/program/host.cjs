"use strict";
// oidc-provider, hosted: one address serves its clients, another takes the document that says whom it is to know.
//
// Whoever sends a document (with the secret of the run) gets a provider that is built by it, over the same store: to
// oidc-provider, other keys are another configuration, and that means another provider. What was stored goes on.
const http = require("node:http");
const { timingSafeEqual, randomBytes } = require("node:crypto");

// Whatever is said goes to the log; standard output says only that it listens.
globalThis.console = new (require("node:console").Console)(process.stderr, process.stderr);

const { built } = require("./provider.cjs");
const { stored } = require("./store.cjs");

const MOST_BYTES = 4 * 1024 * 1024;
const secret = process.env.IDCHAOS_CONTROL_SECRET;
const kept = { adapter: stored(), cookieKeys: [randomBytes(32).toString("base64url")] };
let serve = (request, response) => said(response, 503, { error: "not configured yet" });

/** Answers with JSON, or with nothing. */
function said(response, status, document) {
  response.writeHead(status, document ? { "Content-Type": "application/json" } : {});
  response.end(document ? JSON.stringify(document) : "");
}

/** Whether a request shows the secret of the run. */
function admitted(request) {
  const given = Buffer.from(request.headers.authorization ?? "");
  const right = Buffer.from(`Bearer ${secret}`);
  return given.length === right.length && timingSafeEqual(given, right);
}

/** The body of a request, as JSON. Throws what is wrong with it. */
async function document(request) {
  const chunks = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length > MOST_BYTES) throw new Error("the document is too large");
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString("utf8"));
}

/** The address of the run's own: `GET /` says that it lives, `PUT /` makes it know whom the document names. */
async function control(request, response) {
  if (!admitted(request)) return said(response, 401, { error: "the secret of the run is missing or wrong" });
  if (request.method === "GET") return said(response, 200, { serves: true });
  if (request.method !== "PUT") return said(response, 405, { error: "there are GET and PUT" });
  try {
    serve = built(await document(request), kept);
  } catch (error) {
    return said(response, 400, { error: error.message });
  }
  said(response, 204);
}

/** Listens at `host:port`; resolves when it does. */
function listening(address, handler) {
  const colon = address.lastIndexOf(":");
  const server = http.createServer(handler);
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: address.slice(0, colon), port: Number(address.slice(colon + 1)), backlog: 512 }, resolve);
  });
}

async function main() {
  const [listen, spare] = process.argv.slice(2);
  await listening(spare, control);
  await listening(listen, (request, response) => serve(request, response));
  process.stdout.write(`${JSON.stringify({ ready: listen })}\n`);
}

main().catch((error) => {
  console.error(`${error.code === "EADDRINUSE" ? "address already in use: " : ""}${error.message}`);
  process.exit(1);
});
