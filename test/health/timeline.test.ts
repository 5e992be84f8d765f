import { expect, it } from "vitest";
import { createTimeline } from "../../src/health/timeline.ts";
import { sampleEvents } from "../log/events.ts";

it("keeps the last events, the newest first", () => {
  let now = 0;
  const timeline = createTimeline(3, { now: () => ++now });
  for (const event of sampleEvents()) timeline.observe(event);
  expect(timeline.recent().map(({ event }) => event.is)).toEqual(["stopped", "stopping", "configuration refused"]);
  expect(timeline.recent()[0]?.at).toBe(now);
});

it("counts requests rather than showing each", () => {
  const timeline = createTimeline(50, { now: () => 0 });
  for (const status of [200, 204, 403, 503, "error"] as const) {
    timeline.observe({ is: "request", operation: "read", status, took: 1 });
  }
  expect(timeline.recent()).toEqual([]);
  expect(timeline.requests()).toEqual({ sent: 5, failed: 3 });
});
