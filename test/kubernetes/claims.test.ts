/** Which pod it is, for the state file (rule W11). */
import { describe, expect, it } from "vitest";
import { podNamed, podUid } from "../../src/kubernetes/claims.ts";

const jwt = (claims: object) => `h.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.s`;

describe("W11: a pod", () => {
  it("is told apart by its uid, which its token has whatever its text", () => {
    const pod = { name: "tsb-0", uid: "9f1c2f9e" };
    expect(podUid(jwt({ "kubernetes.io": { pod }, exp: 1 }))).toBe("9f1c2f9e");
    expect(podUid(jwt({ "kubernetes.io": { pod }, exp: 2 }))).toBe("9f1c2f9e");
    for (const text of ["", "no token", "h.{}.s", jwt({}), jwt({ "kubernetes.io": {} })]) expect(podUid(text)).toBe("");
  });

  it("without a token by the name that the downward API gives it", () => {
    expect(podNamed({ NAMESPACE: "tsb", POD_NAME: "tsb-0" })).toBe("tsb/tsb-0");
    expect(podNamed({ POD_NAME: "tsb-0" })).toBe("tsb-0");
    expect(podNamed({ NAMESPACE: "tsb", HOSTNAME: "machine" })).toBe("");
  });
});
