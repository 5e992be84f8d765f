/** The status page: one answer of HTML and CSS that needs no script, though a small one keeps it from flickering. */
import { formatDuration } from "../log/duration.ts";
import { fieldsOf, levelOf } from "../log/entry.ts";
import type { CredentialStatus, HeldStatus, Status, TemplateStatus, TokenStatus } from "../status.ts";
import { type Html, html, joined } from "./html.ts";
import { STYLE } from "./page-style.ts";
import { deafnessText, reasonsNotReady } from "./readiness.ts";
import { ago, ahead, rounded } from "./relative.ts";
import type { TimelineEntry } from "./timeline.ts";

export interface PageContent {
  readonly status: Status;
  readonly requests: { readonly sent: number; readonly failed: number };
  readonly recent: readonly TimelineEntry[];
}

export function renderPage({ status, requests, recent }: PageContent): string {
  const reasons = reasonsNotReady(status);
  const { word, mood } = headline(status);
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<noscript><meta http-equiv="refresh" content="2"></noscript>
<title>${word} · lessee</title>
<style>${STYLE}</style>
<script src="/refresh.js" defer></script>
</head>
<body>
<main>
<header class="${mood}">
<h1>${word}</h1>
${reasons.length > 0 ? list(reasons.filter((reason) => reason !== "stopping")) : ""}
<p class="facts">lessee ${status.version} · up ${rounded(status.now - status.startedAt)} · pid ${status.pid}</p>
</header>
${status.warnings.length > 0 ? html`<section class="card warnings"><h2>Warnings</h2>${list(status.warnings)}</section>` : ""}
${joined(status.credentials.map((credential) => credentialCard(credential, status.now)))}
<div class="pair">
${tokenCard(status.token, status.now)}
<div class="stack">
<section class="card"><h2>Requests to Vault</h2>
<dl>${fact("sent", requests.sent)}${fact("failed", requests.failed, requests.failed > 0 ? "warn" : "")}</dl></section>
<section class="card"><h2>Files</h2>${status.templates.length > 0 ? joined(status.templates.map((one) => templateRow(one, status.now))) : html`<p class="muted">No templates.</p>`}</section>
</div>
</div>
<section class="card"><h2>Last events</h2>
${recent.length > 0 ? html`<ol class="events">${joined(recent.map((entry) => eventRow(entry, status)))}</ol>` : html`<p class="muted">Nothing has happened yet.</p>`}
</section>
</main>
</body>
</html>
`.text;
}

function headline(status: Status): { readonly word: string; readonly mood: "good" | "warn" | "bad" } {
  if (status.stopping) return { word: "Stopping", mood: "warn" };
  if (reasonsNotReady(status).length === 0) return { word: "Ready", mood: "good" };
  return status.started ? { word: "Not ready", mood: "bad" } : { word: "Starting", mood: "warn" };
}

/** Puts a new page in the place of the old one, and says so when there is none. */
export const REFRESH_SCRIPT = `"use strict";
setInterval(async () => {
  if (document.hidden) return;
  try {
    const answer = await fetch("/", { signal: AbortSignal.timeout(1900) });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.title = page.title;
    document.querySelector("main").replaceWith(page.querySelector("main"));
  } catch {
    document.title = "No answer · lessee";
    const header = document.querySelector("header");
    header.className = "gone";
    header.querySelector("h1").textContent = "No answer";
  }
}, 2000);
`;

function credentialCard(credential: CredentialStatus, now: number): Html {
  const { path, candidate, current, retiring, rotationDue } = credential;
  const held = [current, candidate, ...retiring].filter((one) => one !== null);
  return html`<section class="card credential">
<h2 class="path">${path}</h2>
${credential.lastError === null ? "" : html`<p class="error">${credential.lastError}</p>`}
${held.length === 0 ? html`<p class="muted">No credential yet.</p>` : joined(held.map((one) => heldRow(one, one === current ? rotationDue : null, now)))}
<dl>
${fact("next rotation", rotationDue === null ? "not known yet" : ahead(rotationDue, now))}
${fact("lead", formatDuration(credential.lead), credential.leadFits ? "" : "bad")}
${fact("rotations", credential.rotations)}
${fact("new users this hour", `${credential.newUsersLastHour} of ${credential.maxNewPerHour}`, credential.newUsersLastHour >= credential.maxNewPerHour ? "warn" : "")}
</dl>
${credential.notListening === null ? "" : html`<p class="error">${deafnessText(credential.notListening, now)}</p>`}
${credential.leadFits ? "" : html`<p class="error">The TTLs leave no room for this lead: connections may outlive their user.</p>`}
</section>
`;
}

function heldRow(held: HeldStatus, due: number | null, now: number): Html {
  const sessions = held.sessions === null ? "sessions not observed" : plural(held.sessions, "session");
  const facts = [
    held.verified ? "login tried" : "login not tried",
    ...(held.stage === "retiring" ? [] : [HEARD[held.heard]]),
    held.renewable ? plural(held.renewals, "renewal") : "not renewable",
  ];
  const ended = held.expiry <= now;
  return html`<div class="held ${ended ? "ended" : held.stage}">
<p class="who"><b class="stage">${held.stage}</b> <code>${held.user ?? held.lease}</code></p>
<p class="now"><span><b>${STEPS[held.step] ?? held.step}</b> · ${sessions}</span> <b class="clock${ended ? " bad" : ""}">${ended ? "ended" : rounded(held.expiry - now)}</b></p>
${lifeBar(held, due, now)}
<p class="facts">${ends(held, now)} · ${facts.join(" · ")}</p>
</div>
`;
}

const STEPS: Readonly<Record<string, string>> = {
  read: "being read",
  verify: "trying a login",
  horizon: "asking how long it can live",
  publish: "being written",
  notify: "telling the application",
  confirm: "waiting for the application",
  drain: "waiting for its last sessions",
  release: "being given back",
};

const HEARD: Readonly<Record<HeldStatus["heard"], string>> = {
  yes: "taken by the application",
  no: "not taken yet",
  "not observed": "use not observed",
};

/** Drains to the left: the whole width is the life from the read to the horizon, the light part is what renewals can add. */
function lifeBar(held: HeldStatus, due: number | null, now: number): Html {
  const end = Math.max(held.horizon ?? held.expiry, held.expiry);
  const part = (at: number) => {
    const share = (at - now) / Math.max(end - held.readAt, 1);
    return `${(100 * Math.min(Math.max(share, 0), 1)).toFixed(2)}%`;
  };
  const mark =
    due === null || due <= now ? "" : html`<i class="due" style="left:${part(due)}" title="next rotation"></i>`;
  return html`<div class="bar" role="img" aria-label="time left">
<i class="horizon" style="width:${part(end)}"></i><i class="left" style="width:${part(held.expiry)}"></i>${mark}
</div>
`;
}

function ends(held: HeldStatus, now: number): string {
  if (held.expiry <= now) return `ended ${ago(held.expiry, now)}`;
  if (held.horizon === null) return `ends ${ahead(held.expiry, now)}`;
  if (held.horizon <= held.expiry) return `ends ${ahead(held.expiry, now)} for good`;
  return `ends ${ahead(held.expiry, now)}, ${ahead(held.horizon, now)} at the latest`;
}

function tokenCard(token: TokenStatus | null, now: number): Html {
  if (token === null) return html`<section class="card"><h2>Token</h2><p class="bad">Not logged in.</p></section>`;
  return html`<section class="card"><h2>Token</h2>
<dl>
${fact("ends", token.expiry === null ? "never" : ahead(token.expiry, now))}
${token.horizon === null ? "" : fact("at the latest", ahead(token.horizon, now))}
${fact("login", `${token.method}, ${ago(token.loggedInAt, now)}`)}
${fact("renewable", token.renewable ? "yes" : "no")}
${token.older > 0 ? fact("older tokens", token.older) : ""}
${fact("policies", token.policies.join(", ") || "none")}
</dl></section>
`;
}

function templateRow(template: TemplateStatus, now: number): Html {
  const state =
    template.error !== null
      ? html`<span class="error">${template.error}</span>`
      : template.renderedAt !== null
        ? html`rendered ${ago(template.renderedAt, now)}`
        : html`waits for ${template.missing.join(", ") || "its first render"}`;
  return html`<p class="file"><code>${template.destination}</code> <span class="facts">${state}</span></p>
`;
}

function eventRow({ at, event }: TimelineEntry, { now, credentials }: Status): Html {
  const known = (name: string) => name === "lease" || (name === "path" && credentials.length === 1);
  const fields = Object.entries(fieldsOf(event, (time) => ahead(time, now)))
    .filter(([name, value]) => value !== null && value !== undefined && !known(name))
    .map(([name, value]) => html`<span>${name}=<b>${readable(value)}</b></span> `);
  return html`<li class="${levelOf(event)}"><time>${ago(at, now)}</time><b>${event.is}</b><p>${joined(fields)}</p></li>
`;
}

function readable(value: unknown): string {
  if (Array.isArray(value)) return value.join(", ");
  if (typeof value !== "object" || value === null) return String(value);
  return Object.entries(value)
    .map(([name, one]) => `${name} ${one}`)
    .join(", ");
}

function fact(name: string, value: string | number, mood = ""): Html {
  return html`<div><dt>${name}</dt><dd class="${mood}">${value}</dd></div>
`;
}

function list(texts: readonly string[]): Html {
  return html`<ul>${joined(texts.map((text) => html`<li>${text}</li>`))}</ul>`;
}

function plural(count: number, noun: string): string {
  return `${count}\u00a0${noun}${count === 1 ? "" : "s"}`;
}
