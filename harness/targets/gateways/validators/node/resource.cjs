"use strict";
// A resource server in front of its services: `check` says whether a token is good, and the request is passed on.
// It stands where an application's own code would. The first argument is a file with the settings.
const fs = require("node:fs");
const http = require("node:http");

const settings = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
const HOP_BY_HOP = new Set(["connection", "keep-alive", "transfer-encoding", "te", "upgrade"]);

/** The path that is asked for, also where it stands in a whole URL. */
function pathOf(request) {
  const asked = request.originalUrl ?? request.url;
  return asked.startsWith("/") ? asked : new URL(asked, "http://none").pathname;
}

/** The service that a request is for; undefined where there is none. */
function serviceOf(request) {
  const name = pathOf(request).split("/")[1].split("?")[0];
  return Object.hasOwn(settings.services, name) ? settings.services[name] : undefined;
}

/** Says what went wrong, in the library's own words. */
function answer(response, status, text, challenge) {
  const headers = { "Content-Type": "text/plain; charset=utf-8" };
  if (challenge) headers["WWW-Authenticate"] = challenge;
  response.writeHead(status, headers);
  response.end(`${text}\n`);
}

/** The token of a request (RFC 6750 section 2.1: in one header, under one scheme); undefined where there is none. */
function tokenOf(request) {
  const given = request.headersDistinct.authorization ?? [];
  return given.length === 1 ? /^bearer +(\S+)$/i.exec(given[0])?.[1] : undefined;
}

/** Sends a request on to the service that it may use, and the answer back. */
function passOn(request, response, service) {
  const [host, port] = service.address.split(":");
  const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => !HOP_BY_HOP.has(name)));
  const options = { host, port, path: pathOf(request), method: request.method, headers, timeout: 10_000 };
  const upstream = http.request(options, (found) => {
    const told = Object.entries(found.headers).filter(([name]) => !HOP_BY_HOP.has(name));
    response.writeHead(found.statusCode, Object.fromEntries(told));
    found.pipe(response);
  });
  upstream.on("timeout", () => upstream.destroy(new Error("timeout")));
  upstream.on("error", (error) => {
    if (response.headersSent) return response.destroy();
    answer(response, error.message === "timeout" ? 504 : 502, `${error.name}: ${error.message}`);
  });
  request.pipe(upstream);
}

/** Listens until the process is ended. */
function listen(handler) {
  const [host, port] = settings.listen.split(":");
  http.createServer(handler).listen({ host, port: Number(port), backlog: 512 });
}

module.exports = { settings, tuned: settings.tuned, serviceOf, tokenOf, answer, passOn, listen };
