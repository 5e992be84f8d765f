/** All ways of telling the application, by their word in the configuration. */
import type { NotifyConfig } from "../config/types.ts";
import type { Notifier } from "../ports.ts";
import { execNotifier } from "./exec.ts";
import { fileNotifier } from "./file.ts";
import { httpNotifier } from "./http.ts";
import type { NotifyPorts } from "./ports.ts";
import { signalNotifier } from "./signal.ts";

export function createNotifier(config: NotifyConfig, ports: NotifyPorts): Notifier {
  switch (config.kind) {
    case "signal":
      return signalNotifier(config, ports);
    case "http":
      return httpNotifier(config, ports);
    case "exec":
      return execNotifier(config, ports);
    case "file":
      return fileNotifier(config, ports);
  }
}
