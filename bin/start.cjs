// Runs the bundle out of what V8 had made of it by the end of a whole start, which the build kept (scripts/warm-up.ts):
// otherwise every start compiles anew what it runs, for some 25 ms of the processor. Node's own compile cache would keep
// only what V8 compiles at once, which is little of it.
"use strict";
// Node opens its debugger on SIGUSR1 until somebody listens, and main.ts runs only after all that it imports.
process.on("SIGUSR1", () => {});

const { readFileSync, renameSync, writeFileSync } = require("node:fs");
const { createRequire, wrap } = require("node:module");
const { dirname, join } = require("node:path");
const { Script } = require("node:vm");

const filename = join(__dirname, "../dist/lessee.cjs");
const source = readFileSync(filename, "utf8");

// V8 itself would only compare the length of the source, and its own version and flags.
const [, build] = /^\/\*(\w+)\*\//.exec(source) ?? [];
const machine = `${process.version}-${process.arch}${process.execArgv.join("")}`;
const kept = join(__dirname, `../dist/compiled/${build}-${machine}`);

const script = new Script(wrap(source), { filename, cachedData: read(kept) });

if (process.env.LESSEE_KEEPS_COMPILED) {
  process.on("exit", () => {
    writeFileSync(`${kept}.new`, script.createCachedData());
    renameSync(`${kept}.new`, kept);
  });
}

const bundle = { exports: {} };
script.runInThisContext()(bundle.exports, createRequire(filename), bundle, filename, dirname(filename));

function read(path) {
  try {
    return readFileSync(path);
  } catch {
    // Another Node, other flags, or a package, which is made for any Node.
    return undefined;
  }
}
