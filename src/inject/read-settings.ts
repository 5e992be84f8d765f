/** The settings of an installation out of all the places that have some. */
import { parseBool, quote } from "../config/kinds.ts";
import { nearest } from "../config/nearest.ts";
import { Refusal } from "./refusal.ts";
import { SETTINGS, type SettingDefinition, type Settings } from "./settings.ts";

/**
 * Settings from several places, the first of which goes before the others. Throws a Refusal for a name that nobody
 * knows and for a value of the wrong kind.
 */
export function readSettings(places: readonly Readonly<Record<string, unknown>>[]): Settings {
  const values = new Map<keyof Settings, string | boolean>(SETTINGS.map((row) => [row.key, typed(row, row.default)]));
  for (const place of places.toReversed()) {
    for (const [name, value] of Object.entries(place)) {
      const row = SETTINGS.find(({ flag, handler }) => [flag, handler].some((known) => plain(known) === plain(name)));
      if (row === undefined && IGNORED.some((known) => plain(known) === plain(name))) continue;
      if (row === undefined) throw unknown(name);
      values.set(row.key, typed(row, value));
    }
  }
  return Object.fromEntries(values) as unknown as Settings;
}

// ---- internal ----

/** The injector reads them, and they change no pod. */
const IGNORED = ["LeaseRenewalThreshold", "ShareProcessNamespace", "RequireAnnotation"];

function typed({ flag, kind, oneOf }: SettingDefinition, value: unknown): string | boolean {
  const refused = (wanted: string) => new Refusal(`${flag} must be ${wanted}, not ${JSON.stringify(value)}`);
  if (kind === "bool") {
    const bool = typeof value === "boolean" ? value : typeof value === "string" ? parseBool(value) : undefined;
    if (bool === undefined) throw refused("true or false");
    return bool;
  }
  if (!["string", "number", "boolean"].includes(typeof value)) throw refused("a text");
  const text = String(value);
  if (kind === "integer" && !/^\d+$/.test(text)) throw refused("a whole number");
  if (oneOf !== undefined && !oneOf.includes(text)) throw refused(oneOf.join(", "));
  return text;
}

function unknown(name: string): Refusal {
  const likely = nearest(
    name,
    SETTINGS.map(({ flag }) => flag),
  );
  return new Refusal(
    `there is no setting ${quote(name)}`,
    likely === undefined
      ? `the settings are ${SETTINGS.map(({ flag }) => flag).join(", ")}`
      : `did you mean ${likely}?`,
  );
}

/** `VaultAddress`, `vault_address` and `vault-address` are one name. */
function plain(name: string): string {
  return name.replace(/[-_]/g, "").toLowerCase();
}
