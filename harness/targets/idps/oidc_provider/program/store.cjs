"use strict";
// What oidc-provider stores, in memory, as its documentation describes an adapter
// (https://github.com/panva/node-oidc-provider/blob/main/example/my_adapter.js). The one that it brings along forgets
// whatever is not among the latest thousand, and belongs to one provider.
//
// Each answer takes a moment, as those of a store across a network do: between reading and writing others come in.
// One that answers at once would hide what becomes of a token that is used twice in the same moment.
const { setTimeout: rest } = require("node:timers/promises");

const ANSWERS_AFTER_MS = 1;
const SWEPT_EVERY_MS = 5_000;

/** A class of adapters, all of which share one store. */
exports.stored = function stored() {
  const held = new Map(); // by model and ID: what is stored, and until when
  const grants = new Map(); // by grant: the keys of all that came of it
  const uids = new Map(); // by the UID of a session: its key

  function drop(key) {
    const found = held.get(key);
    if (!found) return;
    held.delete(key);
    const { grantId, uid } = found.payload;
    if (uids.get(uid) === key) uids.delete(uid);
    const members = grants.get(grantId);
    members?.delete(key);
    if (members?.size === 0) grants.delete(grantId);
  }

  /** A copy, as what comes over a network is: whoever changes it changes nothing here. */
  function read(key) {
    const found = held.get(key);
    return found && Date.now() < found.until ? structuredClone(found.payload) : undefined;
  }

  setInterval(() => {
    const now = Date.now();
    for (const [key, { until }] of held) if (until <= now) drop(key);
  }, SWEPT_EVERY_MS).unref();

  return class Stored {
    constructor(model) {
      this.model = model;
    }

    key(id) {
      return `${this.model}:${id}`;
    }

    async upsert(id, payload, expiresIn) {
      await rest(ANSWERS_AFTER_MS);
      const key = this.key(id);
      drop(key);
      held.set(key, { payload, until: expiresIn === undefined ? Infinity : Date.now() + expiresIn * 1000 });
      if (this.model === "Session") uids.set(payload.uid, key);
      if (payload.grantId && this.model !== "Session" && this.model !== "Interaction") {
        if (!grants.has(payload.grantId)) grants.set(payload.grantId, new Set());
        grants.get(payload.grantId).add(key);
      }
    }

    async find(id) {
      await rest(ANSWERS_AFTER_MS);
      return read(this.key(id));
    }

    async findByUid(uid) {
      await rest(ANSWERS_AFTER_MS);
      return read(uids.get(uid));
    }

    async consume(id) {
      await rest(ANSWERS_AFTER_MS);
      const found = held.get(this.key(id));
      if (found) found.payload.consumed = Math.floor(Date.now() / 1000);
    }

    async destroy(id) {
      await rest(ANSWERS_AFTER_MS);
      drop(this.key(id));
    }

    async revokeByGrantId(grantId) {
      await rest(ANSWERS_AFTER_MS);
      for (const key of [...(grants.get(grantId) ?? [])]) if (key.startsWith(`${this.model}:`)) drop(key);
    }
  };
};
