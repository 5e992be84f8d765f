/**
 * Faults that a tired colleague would make, each against one rule about leases, tokens and Postgres, or one promise:
 * `npm run mutants -- --rules` puts them into the source one at a time, and the tests that name the rule have to notice.
 * The table is the proof that those tests can fail.
 */

export interface Fault {
  /** As `test/architecture/rules.test.ts` lists them, or a promise of README.md. */
  readonly rule: string;
  /** What would go wrong. */
  readonly what: string;
  readonly file: string;
  /** What stands there, exactly once, and what the fault puts there. */
  readonly from: string;
  readonly to: string;
}

export const FAULTS: readonly Fault[] = [
  // ---- the promises ----
  ...on("The application never uses a dead password", "src/lease/schedule.ts", [
    ["the rotation begins at the end", "held.readAt + Math.max(life - lead - spread, life / 2)", "held.readAt + life"],
  ]),
  ...on("The application never uses a dead password", "src/lease/retirement.ts", [
    [
      "the old one is released as soon as it is replaced",
      'step: "drain", publishedAt: held',
      'step: "release", publishedAt: held',
    ],
  ]),
  ...on("Make before break", "src/lease/advance.ts", [
    [
      "nobody logs in with it first",
      'policy.verifies && grant.lease !== "" ? fresh',
      "policy.verifies && grant === null ? fresh",
    ],
    [
      "a failed read discards what works",
      "return { ...counted, reading: false, read",
      "return { ...counted, current: null, reading: false, read",
    ],
    [
      "who could not be told has heard",
      "telling: { failures, retryAt: now + wait } });",
      "telling: null, heardAt: now });",
    ],
  ]),
  ...on("The real deadline", "src/lease/schedule.ts", [
    [
      "the token's end is not the lease's",
      "Math.min(held.horizon, held.tokenHorizon, held.validUntil)",
      "Math.min(held.horizon, held.validUntil)",
    ],
  ]),
  ...on("The seed's rule", "src/lease/schedule.ts", [
    [
      "connections live for no time",
      "policy.readerGrace + (policy.connectionMaxLifetime ?? 0) +",
      "policy.readerGrace +",
    ],
  ]),
  ...on("The seed's rule", "src/lease/misfits.ts", [
    [
      "what the TTLs cannot allow is not said",
      "|| leadFits(held, policy)) return;",
      "|| leadFits(held, policy) || policy.probe) return;",
    ],
  ]),
  ...on("One database user per pod", "src/lease/memory/adoption.ts", [
    [
      "a sidecar that follows another begins anew",
      "for (const credential of state.credentials) await",
      "for (const credential of state.credentials.slice(1)) await",
    ],
  ]),
  ...on("One database user per pod", "src/agent.ts", [
    ["the init container takes back what it has made", 'release: handsOver ? "never" : ', "release: "],
    [
      "nothing is given back at the end",
      "return hasEnded && releaseOnExit",
      'return releaseOnExit === "drained" ? "never" : hasEnded && releaseOnExit',
    ],
  ]),
  ...on("Never a flood", "src/lease/backoff.ts", [
    ["no wait is longer than the one before", "policy.min * 2 ** Math.min(failures - 1, 30)", "policy.min"],
  ]),
  ...on("Never a flood", "src/lease/keeping/vault-operations.ts", [
    ["each refused read is a login", "const RELOGIN_INTERVAL = 5 * 60_000;", "const RELOGIN_INTERVAL = 0;"],
  ]),
  ...on("Never a flood", "src/lease/advance.ts", [
    ["each user that Postgres refuses is followed by another", ">= REFUSAL_PATIENCE && rejected.length === 0", ">= 0"],
  ]),

  // ---- W5: the lead counts from the last reader, and escalation moves forward, not the deadline ----
  ...on("W5", "src/lease/schedule.ts", [
    [
      "the lead has no time to tell the application",
      "policy.preparation + policy.hearing + s",
      "policy.preparation + s",
    ],
    ["the lead has no margin", "settlingOf(policy) + policy.margin;", "settlingOf(policy);"],
    ["nobody needs time from the file to the connection", "return policy.readerGrace + (policy", "return (policy"],
    ["a connection in use is closed in time", "?? 0) + policy.longestUse", "?? 0)"],
  ]),
  ...on("W5", "src/lease/escalation.ts", [
    ["the last sessions are ended at the end itself", "endOf(one) - policy.margin, 0.75)", "endOf(one), 0.75)"],
    [
      "idle ones are ended with the rest",
      "endOf(one) - policy.margin - policy.quietPeriod, 0.5",
      "endOf(one) - policy.margin, 0.5",
    ],
    [
      "an old connection's life counts from the publish",
      "return known ? one.heardAt + s",
      "return known ? one.replacedAt + s",
    ],
    [
      "every session that opens late is a deaf reader's",
      "now > one.replacedAt + policy.hearing + policy.readerGrace",
      "now > one.replacedAt + policy.hearing",
    ],
    [
      "the last call comes with the end of idle sessions",
      "closing(one, policy) - policy.hearing, 0.25",
      "closing(one, policy), 0.25",
    ],
    ["who listens loses its sessions too", "Math.min(heardBy + settlingOf(policy), endOf(one) - before)", "0"],
  ]),
  ...on("W5", "src/config/defaults.ts", [
    ["the longest use is a minute for all", "Math.max(MINUTE, (overrides.connectionMaxLifetime ?? 0) / 10)", "MINUTE"],
  ]),

  // ---- W6: a failed renewal is judged by one lookup ----
  ...on("W6", "src/lease/keeping/vault-operations.ts", [
    [
      "a server that fails has lost the lease",
      "if (!(error instanceof VaultError) || isPassing(error) || error.status >= 500)",
      'if (error instanceof VaultError && error.status >= 500) return { verdict: "lost" };\n    if (!(error instanceof VaultError) || isPassing(error))',
    ],
    ["a server that fails is asked once more", "isPassing(error) || error.status >= 500)", "isPassing(error))"],
    [
      "no time at all is a renewal",
      "if (answer.seconds > 0) return answer;",
      "if (answer.seconds >= 0) return answer;",
    ],
  ]),
  ...on("W6", "src/lease/keeping/token-operations.ts", [
    ["no time at all is a renewal", "if (durationSeconds > 0) return", "if (durationSeconds >= 0) return"],
  ]),

  // ---- W10: state is adopted when lookups say so and a login proves it ----
  ...on("W10", "src/lease/memory/adoption.ts", [
    [
      "a lease whose revocation has failed is taken up",
      "alive.ttlSeconds <= 0 || !alive.renewable",
      "alive.ttlSeconds <= 0",
    ],
    ["a lease that is being revoked is taken up", "alive.ttlSeconds <= 0 || !alive.renewable", "!alive.renewable"],
    ["nobody logs in with it", "databases !== null && typeof username", "databases === null && typeof username"],
    ["a login that is refused is nothing", "throw error;\n    return null;", "return null;\n    return null;"],
    ["a Postgres that is down discards it", '!(error instanceof DatabaseError && error.blames === "server")', "error"],
    [
      "who may not look does not try a renewal",
      "|| error.status !== 403) throw error;",
      "|| error.status > 0) throw error;",
    ],
    ["what retires comes back into use", "stage: credential.stage,", 'stage: "current",'],
    [
      "its end is what it was when it was read",
      "expiry: sentAt + granted,",
      "expiry: credential.readAt + credential.duration,",
    ],
    ["its max TTL is forgotten", "const horizon = credential.horizon ?? Number", "const horizon = Number"],
    [
      "a server that is down is as one that says no",
      "const isAway = error instanceof TransportError || ",
      "const isAway = ",
    ],
    ["a server that is sealed is as one that says no", "|| (error instanceof VaultError && isPassing(error))", ""],
  ]),
  ...on("W10", "src/lease/keeping/keeper.ts", [
    ["what is to be released is kept as if it were to be used", ' && !(isRetiring(held) && held.step !== "drain")', ""],
    ["what is kept as retiring is kept as current", '? "current" : "retiring"', '? "current" : "current"'],
  ]),
  ...on("W10", "src/lease/advance.ts", [
    [
      "the drain of what retires does not go on",
      'publishedAt === null ? "release" : "drain"',
      'publishedAt === null ? "release" : "release"',
    ],
    [
      "what nobody ever saw is drained",
      'publishedAt === null ? "release" : "drain"',
      'publishedAt === null ? "drain" : "drain"',
    ],
  ]),

  // ---- W11: state is bound to server, mount, role and pod, and locked ----
  ...on("W11", "src/lease/memory/state-file.ts", [
    ["a foreign state is taken up", "if (foreign.length > 0)", "if (foreign.length > 9)"],
    ["another pod's state is taken up", "(name) => saved", '(name) => name !== "pod" && saved'],
    ["another namespace's state is taken up", "(name) => saved", '(name) => name !== "namespace" && saved'],
    ["another role's state is taken up", "(name) => saved", '(name) => name !== "role" && saved'],
    ["a state of another version is read", "if (saved.version !== VERSION)", "if (saved.version === undefined)"],
    ["what is put aside is lost", "await files.rename(path,", "await files.rm(path,"],
    ["everybody may look into the folder", "mode: 0o700", "mode: 0o755"],
    ["the token stands there in plain text beside a key", "if (key === null) return contents;", "return contents;"],
  ]),
  ...on("W11", "src/lease/memory/state-place.ts", [
    ["two may use one state", "if (isHeld || release === null) {", "if (owner === null) {"],
    ["two that start at the same instant may", "if (isHeld || release === null) {", "if (isHeld) {"],
    [
      "a pid that somebody else has now holds the lock",
      "(await startTime(files, other)) === started",
      "started !== undefined",
    ],
    ["another user's process holds no lock", '.code !== "EPERM") return false', '.code !== "") return false'],
    ["the lock is left behind", "await files.rm(path, { force: true });\n    await release();", "await release();"],
    ["the lock has its owner's place among the fields wrong", 'split(" ")[19]', 'split(" ")[18]'],
    ["everybody may look into the folder", "mode: 0o700", "mode: 0o755"],
    ["state.path is not the first choice", "config.path ?? (cached", "(cached"],
  ]),
  ...on("W11", "src/program/sidecar.ts", [
    ["the files are written before the state", "await memory.settled();\n        return", "return"],
  ]),
  ...on("W11", "src/program/own-state.ts", [
    [
      "a pod that cannot be told yet is any pod",
      "await method.pod({ files }))",
      'await method.pod({ files }).catch(() => ""))',
    ],
    ["everybody may read the state", "content, 0o600", "content, 0o644"],
    ["a pod that has no JWT is any pod", " || podNamed(env)", ""],
    ["the pod is not part of the binding", "(await method.pod({ files })) || podNamed(env);", '"";'],
  ]),

  // ---- M1: max TTLs are asked for in the first second ----
  ...on("M1", "src/lease/keeping/vault-operations.ts", [
    ["an hour is asked for", "const PROBE_SECONDS = 99_999_999", "const PROBE_SECONDS = 3_600"],
    [
      "it is never asked for",
      "probeAt: policy.probe ? probeDue(sentAt, policy.printsHorizon) : never",
      "probeAt: never",
    ],
    ["it is asked for though nobody wants it", "probeAt: policy.probe ? probeDue", "probeAt: sentAt > 0 ? probeDue"],
    [
      "a shortened renewal tells nothing",
      "renewable ? horizonFrom(sentAt, asked, seconds * 1_000)",
      "renewable ? Number.POSITIVE_INFINITY",
    ],
    [
      "the answer to the probe is not used",
      "found: { expiry: sentAt + most.seconds * 1_000, horizon } }",
      "found: null }",
    ],
  ]),
  ...on("M1", "src/lease/keeping/token-operations.ts", [
    ["an hour is asked for", "const PROBE_SECONDS = 99_999_999", "const PROBE_SECONDS = 3_600"],
    ["the token is never asked", "probeAt: probeDue(sentAt, printsHorizon)", "probeAt: never"],
    ["the grant tells nothing", "Math.min(cap, horizonFrom(sentAt, PROBE_SECONDS * 1_000, most))", "cap"],
  ]),
  ...on("M1", "src/lease/advance.ts", [
    ["the lease keeps the length of the probe", "{ ...found, renewAt: now }", "{ ...found }"],
    ["it is asked for again and again", "...known, probeAt: Number.POSITIVE_INFINITY }", "...known, probeAt: now }"],
    ["a max TTL is never seen raised", "outcome.expiry > held.horizon + HORIZON_TOLERANCE", "false"],
  ]),
  ...on("M1", "src/lease/schedule.ts", [
    ["one second less is a max TTL", "granted < asked - TRUNCATION", "granted < asked"],
    ["nothing is ever shortened", "granted < asked - TRUNCATION", "granted < 0"],
    ["it is waited for by all", "isAwaited ? sentAt : sentAt", "sentAt > 0 ? sentAt : sentAt"],
    ["it is put off for ever", "now < readAt + PROBE_BY ?", "now > readAt ?"],
  ]),
  ...on("M1", "src/lease/keeping/keeper.ts", [
    ["other first credentials wait for it", "|| !deps.isAwaited() ? null", "|| deps.isAwaited() ? null"],
  ]),

  // ---- M2: a read is never aborted or repeated, and counts as made where its answer is unclear ----
  ...on("M2", "src/lease/keeping/vault-operations.ts", [
    ["a cut connection has made nothing", 'error.effect === "unknown"', "false"],
    ["a 500 has made nothing", ": isServerFault(error) && state", ": false && state"],
    [
      "a read is given up at the stop",
      "const secret = await fetchSecret(session.token);",
      "const secret = await fetchSecret(session.token);\n      stop.throwIfAborted();",
    ],
    [
      "a read without an answer is made again",
      "const secret = await fetchSecret(session.token);",
      "const secret = await fetchSecret(session.token).catch(() => fetchSecret(session.token));",
    ],
  ]),
  ...on("M2", "src/lease/lifecycle.ts", [
    ["a read under way is not waited for", "state.unasked) && !state.reading &&", "state.unasked) &&"],
  ]),
  ...on("M2", "src/lease/advance.ts", [
    [
      "what comes too late is nobody's",
      'const kept = leased && state.stopping?.release !== "never"',
      "const kept = false",
    ],
    [
      "what may have been made is not counted",
      "mayHaveIssued ? { ...state, ...issuedAt(state, now, true) } : state",
      "state",
    ],
    ["the next read does not wait for the budget", "mayHaveIssued ? pace(unclearLeft(counted, policy)) : 0", "0"],
    ["a failed read is under way for ever", "return { ...counted, reading: false, read", "return { ...counted, read"],
  ]),
  ...on("M2", "src/lease/keeping/keeper.ts", [
    ["nobody knows that a read is under way", 'apply({ is: "reading" });', ""],
  ]),
  ...on("M2", "src/vault/mounts.ts", [
    ["a database is as harmless as KV", 'mount?.type === "kv" ?', 'mount?.type !== "" ?'],
  ]),
  ...on("M2", "src/vault/transport-failure.ts", [
    ["an answer that breaks off has had no effect", 'message, "unknown", { hint', 'message, "never sent", { hint'],
  ]),

  // ---- M5: VALID UNTIL counts where it ends before the lease ----
  ...on("M5", "src/lease/hearing.ts", [
    ["it never counts", "validUntil < held.expiry - 5_000 ? validUntil", "validUntil < 0 ? validUntil"],
    ["any second counts", "validUntil < held.expiry - 5_000 ?", "validUntil < held.expiry ?"],
    ["none at all is at once", "validFor === null ? Number.POSITIVE_INFINITY", "validFor === null ? now"],
    ["a look does not see it", "change(seeValidity(next, id, validFor, now), id,", "change(next, id,"],
  ]),
  ...on("M5", "src/lease/schedule.ts", [
    ["no horizon", "held.tokenHorizon, held.validUntil", "held.tokenHorizon"],
    ["no end", "held.tokenExpiry, held.validUntil", "held.tokenExpiry"],
  ]),
  ...on("M5", "src/lease/advance.ts", [
    ["nobody looks after a renewal", "return { ...renewed, look: true, watchAt: now };", "return renewed;"],
    ["the login does not tell it", "seeValidity(proven, id, validFor, now)", "proven"],
  ]),
  ...on("M5", "src/postgres/databases.ts", [
    ["the longest of all servers counts", "null : Math.min(...finite)", "null : Math.max(...finite)"],
  ]),
  ...on("M5", "src/postgres/queries.ts", [
    [
      "how long ago, and not how long still",
      "r.rolvaliduntil - clock_timestamp()",
      "clock_timestamp() - r.rolvaliduntil",
    ],
  ]),
  ...on("M5", "src/lease/lifecycle.ts", [["it is not told why", 'return "valid until"', 'return "horizon"']]),

  // ---- M6: objects that a user owns are counted, named, and said with their cure ----
  ...on("M6", "src/lease/keeping/application-operations.ts", [
    ["it is never said", "role.owned === 0 || ownersSaid.has(id)", "role.owned >= 0 || ownersSaid.has(id)"],
    ["it is said at every look", "ownersSaid.add(id);", ""],
  ]),
  ...on("M6", "src/lease/keeping/release.ts", [
    ["a role that is still there is released", "role?.exists ? remains(role)", "role?.exists === null ? remains(role)"],
    ["the reason is not said", "role.owned === 0 ?", "role.owned >= 0 ?"],
  ]),
  ...on("M6", "src/lease/owned.ts", [
    ["no cure", "in their database run REASSIGN OWNED BY", "see to them:"],
    ["names are not quoted", ".replaceAll('\"', '\"\"')", ""],
    ["no names", 'ownedNames.length === 0 ? "" :', 'ownedNames.length >= 0 ? "" :'],
  ]),
  ...on("M6", "src/postgres/queries.ts", [
    [
      "the role is the owner that it was set to",
      "WHERE r.rolname = session_user AND",
      "WHERE r.rolname = current_user AND",
    ],
    ["who was set to an owner owns what it creates", "current_user = session_user AND EXISTS", "EXISTS"],
    ["sessions are ended as the owner", 'await connection.query("SET ROLE NONE", [], signal);', ""],
    [
      "views and sequences do not count",
      "relkind IN ('r', 'p', 'v', 'm', 'f', 'S'))::int AS owned,\n    ARRAY",
      "relkind IN ('r'))::int AS owned,\n    ARRAY",
    ],
    [
      "who owns nothing is not told apart",
      "WHERE sessions > 0 OR owned > 0 ORDER BY oid",
      "WHERE sessions > 0 ORDER BY oid",
    ],
  ]),

  // ---- M7: room for two generations is looked for before another user is made, and is never in the way ----
  ...on("M7", "src/lease/keeping/keeper.ts", [
    ["it is not looked for", "await application.lookForRoom(state.current);", ""],
    [
      "it is looked for after the read",
      "await application.lookForRoom(state.current);\n    return vault.read(state, stopSignal.signal);",
      "return vault.read(state, stopSignal.signal).finally(() => application.lookForRoom(state.current!));",
    ],
  ]),
  ...on("M7", "src/lease/keeping/application-operations.ts", [
    [
      "who cannot look does not read",
      "} catch {\n      // The login",
      "} catch (error) {\n      throw error;\n      // The login",
    ],
    ["it is said twice", "roomSeen = said !== undefined;", ""],
    ["it is said once and never again", "roomSeen = false;\n      for", "for"],
    ["who answers nothing is waited for", "const ROOM_PATIENCE = 2_000;", "const ROOM_PATIENCE = 20_000;"],
  ]),
  ...on("M7", "src/postgres/warnings.ts", [
    ["our own session needs no room", "const needed = generation + 1", "const needed = generation"],
    ["no limit is none left", "limit >= 0 && limit - used < needed", "limit - used < needed"],
    ["the last place is one too few", "limit - used < needed", "limit - used <= needed"],
    ["the role's limit is for both users", "room.roleLimit, used: 1", "room.roleLimit, used: room.usedDatabase"],
  ]),
  ...on("M7", "src/postgres/databases.ts", [
    ["what was seen is forgotten", "generation = Math.max(generation, ...summed.map((role) => role.sessions));", ""],
    [
      "a room is as large as the smallest server's",
      "return found.flat();\n    },\n\n    async others",
      "return found[0] ?? [];\n    },\n\n    async others",
    ],
    [
      "the sessions of the present user are not counted",
      "generation = Math.max(generation, facts?.sessions.length ?? 0);",
      "",
    ],
  ]),
  ...on("M7", "src/postgres/queries.ts", [
    ["what is for superusers is for all", "- current_setting('superuser_reserved_connections')::int", ""],
  ]),
  ...on("M7", "src/postgres/connections.ts", [
    ["every question is a login", "if (how?.fresh || !slot.connection?.alive)", "if (slot)"],
  ]),

  // ---- M8: a signal goes to one process of the same user that has a handler for it ----
  ...on("M8", "src/notify/signal.ts", [
    ["a signal without a handler is sent", "if (!state.catches(signalNumber)) {", "if (state.ignores(signalNumber)) {"],
    ["a signal that is ignored is heard", "if (state.ignores(signalNumber)) {", "if (state.uid < 0) {"],
    [
      "another user's process is tried for ever",
      'true,\n        { hint: "run both',
      'false,\n        { hint: "run both',
    ],
    ["one of several is guessed", "if (others.length > 0) {", "if (others.length > 9) {"],
    ["whose process it is is asked last", "send(pid, 0, name, state.uid, config, ports);", ""],
    ["what may come yet is hopeless", 'false, {\n      hint: "the pod needs', 'true, {\n      hint: "the pod needs'],
    [
      "a handler that may come yet is hopeless",
      "which would end it: not sent`, false",
      "which would end it: not sent`, true",
    ],
    ["any number is a process id", "[1-9]\\d{0,9}", "\\d{0,9}"],
  ]),
  ...on("M8", "src/notify/processes.ts", [
    ["a long name is found in no kernel", "name.slice(0, COMM_LENGTH)", "name"],
    ["we are told ourselves", "pid !== own && matches[i]", "matches[i]"],
    ["what has ended is told", 'field("State") === "Z" ||', 'field("State") === "Y" ||'],
    ["only the kernel's name counts", " || basename(program) === name", ""],
    ["a signal's bit is the next one's", "BigInt(signalNumber - 1)", "BigInt(signalNumber)"],
  ]),
  ...on("M8", "src/lease/advance.ts", [
    ["what is hopeless is tried at once", "outcome.permanent ? HOPELESS_RETRY : b", "outcome.permanent ? 0 : b"],
  ]),
  ...on("M8", "src/lease/keeping/application-operations.ts", [
    ["one that is hopeless slows the others", "permanent &&= error", "permanent ||= error"],
  ]),

  // ---- M10: an init container leaves its lease and its token to last ----
  ...on("M10", "src/lease/memory/hand-over.ts", [
    [
      "the token is not renewed",
      "tokenEnds.set(number, await prolongToken(under[0]!, longest, deps));",
      "tokenEnds.set(number, under[0]!.held.tokenExpiry);",
    ],
    [
      "the lease is not renewed",
      "const leaseEnd = await prolongLease(legacy, deps);",
      "const leaseEnd = legacy.held.expiry;",
    ],
    ["the token lasts for the shortest", "const longest = Math.max(", "const longest = Math.min("],
    ["what is taken over is cut short", "const isBounded = !deps.shared &&", "const isBounded = deps.shared &&"],
    [
      "the pod's time goes before the block's",
      "const job = lifetime ?? deps.jobLifetime",
      "const job = deps.jobLifetime ?? lifetime ?? null",
    ],
    ["a short lease is not said", "...(leaseEnd < needed ?", "...(leaseEnd < 0 ?"],
    ["a short token is not said", "...(tokenEnd < needed ?", "...(tokenEnd < 0 ?"],
    ["what lasts longer is said", "Math.min(leaseEnd, tokenEnd) - now", "Math.max(leaseEnd, tokenEnd) - now"],
    ["what could not be renewed is not there any more", "return granted ?? held.tokenExpiry;", "return granted ?? 0;"],
    ["a whole second is too short", "now + lifetime! - NEARLY", "now + lifetime! + NEARLY"],
    ["a failed renewal is not said", 'emit({ is: "warning", code: "hand-over", path, message });', ""],
    ["what cannot be renewed is renewed", "if (!held.renewable) return held.expiry;", ""],
    [
      "a token without an end ends at once",
      "durationSeconds === 0 ? Number.POSITIVE_INFINITY",
      "durationSeconds < 0 ? Number.POSITIVE_INFINITY",
    ],
  ]),
  ...on("M10", "src/agent.ts", [
    ["the init container takes back what it has made", 'release: handsOver ? "never" : ', "release: "],
    ["a failed start is handed over", "config.exitAfterAuth && code === 0 &&", "config.exitAfterAuth &&"],
  ]),

  // ---- M11: links are relative and stay inside the volume ----
  ...on("M11", "src/publish/generation.ts", [
    [
      "files link to where we see the volume",
      "point(member.request.destination, `",
      "point(member.request.destination, folder + '/' + `",
    ],
    [
      "the current one links to where we see the volume",
      "await point(join(root, CURRENT), generation, ports)",
      "await point(join(root, CURRENT), join(root, generation), ports)",
    ],
    ["who watches the file sees nothing", "await announce(root, base, members, files);", ""],
    [
      "who watches the folder sees nothing",
      "await linkAll(folder, members, ports);",
      "if (base === undefined) await linkAll(folder, members, ports);",
    ],
  ]),
  ...on("M11", "src/inject/checks.ts", [
    ["a subPath mount is let in", "if (part && !inPlace &&", "if (part && inPlace &&"],
    ["a computed subPath is let in", "mount.subPath || mount.subPathExpr", "mount.subPath"],
    [
      "an init container's is let in",
      "[...spec.containers, ...(spec.initContainers ?? [])]) {\n    if",
      "[...spec.containers]) {\n    if",
    ],
  ]),

  // ---- R4: a renewal that comes back shortened still leaves the lead ----
  ...on("R4", "src/lease/schedule.ts", [
    ["the lead is not asked for", "Math.max(duration, 1.5 * lead)", "duration"],
    ["the lead alone is asked for", "Math.max(duration, 1.5 * lead)", "1.5 * lead"],
    ["just the lead is asked for", "Math.max(duration, 1.5 * lead)", "Math.max(duration, lead)"],
    [
      "it comes when the lead is over",
      "Math.max(Math.min(usual, latest), MIN_RENEWAL_INTERVAL)",
      "Math.max(usual, MIN_RENEWAL_INTERVAL)",
    ],
    ["the last third is not kept", "Math.max(granted - lead, granted / 3)", "granted - lead"],
    ["it comes at the end", "granted * (0.6 + jitter / 10)", "granted * (0.9 + jitter / 10)"],
    [
      "it goes on at the horizon",
      "if (sentAt + granted >= horizon - TRUNCATION)",
      "if (sentAt + granted > horizon + TRUNCATION)",
    ],
    ["many at one moment", "Math.min(usual, latest), MIN_RENEWAL_INTERVAL)", "Math.min(usual, latest), 0)"],
  ]),
  ...on("R4", "src/lease/advance.ts", [
    ["a user whose pod vanishes lives as long as it can", "{ ...found, renewAt: now }", "{ ...found }"],
  ]),

  // ---- R5: without a known lifetime the lead is a third of the life, and an hour at most ----
  ...on("R5", "src/lease/schedule.ts", [
    ["a third of any life", "return Math.min(life / 3, HOUR);", "return life / 3;"],
    ["always an hour", "return Math.min(life / 3, HOUR);", "return HOUR;"],
    ["the longer of both", "Math.min(life / 3, HOUR)", "Math.max(life / 3, HOUR)"],
    ["a quarter", "Math.min(life / 3, HOUR)", "Math.min(life / 4, HOUR)"],
    [
      "no lifetime is one of 0",
      "if (policy.connectionMaxLifetime === null) return Math.min",
      "if (policy.connectionMaxLifetime === 0) return Math.min",
    ],
  ]),

  // ---- R7: a container between two restarts has not ended ----
  ...on("R7", "src/kubernetes/pod.ts", [
    [
      "whoever has ended has ended for good",
      'return exitCode === 0 || policyOf(container, pod) === "Never";',
      "return true;",
    ],
    [
      "a failure is the end under OnFailure",
      'exitCode === 0 || policyOf(container, pod) === "Never"',
      'exitCode === 0 || policyOf(container, pod) !== "Always"',
    ],
    ["a failure is never the end", 'exitCode === 0 || policyOf(container, pod) === "Never"', "exitCode === 0"],
    [
      "who has not begun has ended",
      "if (terminated === undefined) return false;",
      "if (terminated === undefined) return status !== undefined;",
    ],
    ["a container has no policy of its own", "return container.restartPolicy ?? pod", "return pod"],
    [
      "its own rules do not count",
      "if (container.restartPolicyRules?.some((rule) => holdsFor(rule, exitCode))) return false;",
      "",
    ],
    ["NotIn is In", 'exitCodes?.operator === "NotIn" ? !listed : listed', "listed"],
    ["one that has ended is enough", "return running.length === 0 ?", "return running.length < others.length ?"],
  ]),
  ...on("R7", "src/supervise/strangers.ts", [
    [
      "before one was seen it is over",
      "let lastSeenAt: number | null = null;",
      "let lastSeenAt: number | null = clock.now();",
    ],
    ["it is over at the first moment without one", "now - lastSeenAt >= quietPeriod", "now - lastSeenAt > 0"],
    [
      "one that comes again does not begin it anew",
      "lastSeenAt = now;\n      if (said",
      "lastSeenAt ??= now;\n      if (said",
    ],
  ]),
  ...on("R7", "src/supervise/containers.ts", [
    [
      "a restart is taken for the end",
      'if (type === "DELETED") return "over";',
      'if (type !== "ADDED") return "over";',
    ],
  ]),

  // ---- R8: the old user's own connection is opened at the publish ----
  ...on("W5", "src/postgres/queries.ts", [
    [
      "a session that has just been put back is ended",
      "clock_timestamp() - $2::float8 *",
      "clock_timestamp() + $2::float8 *",
    ],
    [
      "one that works meanwhile is ended",
      "WHERE a.state = 'idle' AND a.state_change = $2::timestamptz",
      "WHERE $2 <> ''",
    ],
  ]),
  ...on("R8", "src/lease/lifecycle.ts", [
    ["it is never opened", "&& needsOwnConnection(policy)", "&& !needsOwnConnection(policy)"],
    ["it is opened though nothing is to be ended by it", "&& needsOwnConnection(policy)", ""],
    ["it is opened at the stop", "!one.attached && state.stopping === null &&", "!one.attached &&"],
    ["it is opened again and again", 'one.step === "drain" && !one.attached &&', 'one.step === "drain" &&'],
  ]),
  ...on("R8", "src/lease/escalation.ts", [
    [
      "it is for drain = terminate only",
      'policy.terminates || policy.escalate.includes("idle") || policy.escalate.includes("all")',
      "policy.terminates",
    ],
    ["it is for idle sessions only", 'escalate.includes("all"))', 'escalate.includes("idle"))'],
    ["it is for all the rest only", ' || policy.escalate.includes("idle") ||', " ||"],
    ["it is opened where nobody looks", "return policy.observes && (policy.terminates", "return (policy.terminates"],
  ]),
  ...on("R8", "src/postgres/connections.ts", [
    ["it is closed when nobody has used it for a minute", "if (slot.kept) return;", ""],
    ["it is kept as any other", "slotOf(server, user.username).kept = true;", ""],
  ]),
  ...on("R8", "src/postgres/databases.ts", [
    [
      "it is opened where nobody looks, too",
      "watched().map((block) => connections.keep(",
      "blocks.map((block) => connections.keep(",
    ],
    [
      "sessions are ended by a new login",
      "endIdleSessions(connection, idleFor, signal),\n          ),",
      "endIdleSessions(connection, idleFor, signal),\n            { fresh: true },\n          ),",
    ],
  ]),
  ...on("R8", "src/lease/advance.ts", [
    ["after a reload nobody opens it again", "({ ...one, attached: false }))", "({ ...one }))"],
    [
      "a login that failed is tried at once",
      '{ failures, retryAt: now + backoff(RENEWAL_BACKOFF, failures, chance) });\n    }\n    case "not',
      '{ failures, retryAt: now });\n    }\n    case "not',
    ],
    [
      "one that failed counts as open",
      '{ failures, retryAt: now + backoff(RENEWAL_BACKOFF, failures, chance) });\n    }\n    case "not',
      '{ attached: true });\n    }\n    case "not',
    ],
  ]),
];

function on(rule: string, file: string, faults: readonly (readonly [string, string, string])[]): readonly Fault[] {
  return faults.map(([what, from, to]) => ({ rule, what, file, from, to }));
}
